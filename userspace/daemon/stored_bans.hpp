// SPDX-License-Identifier: Apache-2.0
// Bans that the decision store knows and that run: what is left of block tables nobody can read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/guard_policy.hpp"
#include "daemon/privileges.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// One row; hostile, as the worker writes the store.
struct StoredBan {
  std::uint8_t address[16] = {};
  std::uint32_t prefix_len = 0;
  std::uint32_t handle = 0;
  std::uint64_t seconds = 0;  ///< left; 0: for good
  std::uint8_t action = 0;    ///< enum pw_block_action
  std::uint8_t origin = 0;    ///< enum pw_block_origin
  std::uint8_t pad[6] = {};
};
static_assert(sizeof(StoredBan) == 40);

/// Reads the newest `limit` of them, the newest first, in a process of its own that has the
/// worker's rights and no more. Call it before any thread exists.
Result<std::vector<StoredBan>> read_stored_bans(const std::string& directory,
                                                const WorkerIdentity& identity,
                                                std::uint32_t limit);

/// The entry for a row, by the rules for new bans, with a rate of its own; nothing: refused.
/// `existing`: as for GuardPolicy.
std::optional<Grant> judge_stored(const StoredBan& ban, GuardPolicy& policy, const AllowSet& allow,
                                  const std::optional<pw_block_entry>& existing,
                                  const GuardNow& now);

}  // namespace probewall
