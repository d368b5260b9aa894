// SPDX-License-Identifier: Apache-2.0
// Our filters on clsact, beside everybody else's.
#pragma once

#include <cstdint>

#include "dataplane/identity.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

enum class TcSide : std::uint8_t { kIngress, kEgress };

/// Creates clsact when it is missing; returns whether it did.
Result<bool> ensure_clsact(unsigned ifindex);
/// Removes clsact unless any filter is left on it.
Result<void> remove_clsact_if_empty(unsigned ifindex);

struct TcAttached {
  bool replaced = false;
  UniqueFd old_program;  ///< with `replaced`: for putting it back
};
/// Adds our filter or swaps its program atomically. A stranger on our handle and priority: Error.
Result<TcAttached> tc_attach(unsigned ifindex, TcSide side, int program_fd,
                             const Identity& identity);
/// Removes our filter; returns whether it was there.
Result<bool> tc_detach(unsigned ifindex, TcSide side, const Identity& identity);
Result<bool> tc_is_ours(unsigned ifindex, TcSide side, const Identity& identity);

}  // namespace probewall
