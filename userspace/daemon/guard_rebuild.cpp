// SPDX-License-Identifier: Apache-2.0
// Starting on pins that could not be taken over as they were: what is put back, and what is said.
#include "daemon/guard.hpp"
#include "daemon/log.hpp"
#include "daemon/stored_bans.hpp"

namespace probewall {

/// Block entries that were in no table that could be read. Returns what became of them, in words.
std::string Guard::restore_stored_bans() {
  const auto stored =
      read_stored_bans(config_.storage.directory, identity_, config_.block.max_addresses);
  if (!stored) return "nothing from the decision store (" + stored.error().message + ")";
  auto limits = limits_of(config_);
  limits.max_per_second = UINT32_MAX;
  GuardPolicy policy{limits};
  std::uint64_t restored = 0, refused = 0;
  for (const auto& ban : *stored) {
    const auto prefix = GuardPolicy::prefix_of(ban.address, ban.prefix_len);
    const auto there = prefix ? ledger_->own(*prefix) : Result<std::optional<pw_block_entry>>{};
    if (there && *there && in_force(**there, now().boot_s)) continue;
    const auto grant = judge_stored(ban, policy, allow_->set(), std::nullopt, now());
    const bool put = grant && ledger_->put(grant->prefix, grant->entry, now().boot_s).has_value();
    ++(put ? restored : refused);
  }
  auto text = std::to_string(restored) + " from the decision store";
  if (refused > 0) text += " (" + std::to_string(refused) + " refused: see the limits and `allow`)";
  return text;
}

void Guard::say_rebuilt() {
  const auto& rebuilt = dataplane_->rebuilt();
  for (std::size_t i = 0; i < rebuilt.lines.size(); ++i) {
    const bool last = i + 1 == rebuilt.lines.size();
    log_line(rebuilt.lines[i] +
             (last && rebuilt.blocks_lost
                  ? "; " + restore_stored_bans() +
                        "; blocks that neither it nor the configuration knows are gone"
                  : ""));
  }
}

}  // namespace probewall
