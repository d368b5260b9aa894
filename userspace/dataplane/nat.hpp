// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "dataplane/netlink.hpp"
#include "probewall/abi/common.h"

namespace probewall {

/// The kernel's connection tracking, asked about single connections.
class ConnectionTracking {
 public:
  ConnectionTracking();
  /// The connection as its server sees it: both ends may have been translated. nullopt: not
  /// tracked, or the kernel has no connection tracking, so nothing is translated.
  std::optional<pw_flow_key> behind_nat(const pw_flow_key& seen_by_us) const;

 private:
  mutable std::optional<NetlinkSocket> netlink_;
};

}  // namespace probewall
