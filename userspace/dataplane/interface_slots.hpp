// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// What the kernel keeps for us about an interface, by name, across restarts.
struct InterfaceState {
  std::uint32_t slot = 0;         ///< row of pw_counters
  std::uint32_t owns_clsact = 0;  ///< 1: we made the qdisc and may remove it when it is empty
};

/// The pinned map pw_slots; programs never read it.
class InterfaceSlots {
 public:
  static Result<InterfaceSlots> open(const std::string& versioned_directory);
  /// The state of `interface`, with a free slot when it is new. All PW_MAX_INTERFACES taken: the
  /// slot of an interface that no longer exists, else an error.
  Result<InterfaceState> of(const std::string& interface);
  Result<void> set_owns_clsact(const std::string& interface, bool owns);

 private:
  Result<void> put(const std::string& interface, const InterfaceState& state);
  UniqueFd fd_;
};

}  // namespace probewall
