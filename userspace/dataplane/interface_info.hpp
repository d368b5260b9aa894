// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "probewall/result.hpp"

namespace probewall {

/// The driver's name as ethtool gives it ("veth", "virtio_net", ...); "" when it has none.
std::string driver_of(const std::string& interface);
unsigned mtu_of(const std::string& interface);  ///< 0: unknown

struct Interface {
  unsigned index = 0;
  std::string name;
};
/// Index of an interface of this network namespace; Error: no such interface, and how to list them.
Result<unsigned> interface_index(const std::string& interface);
/// Interfaces of this network namespace.
std::vector<Interface> all_interfaces();

}  // namespace probewall
