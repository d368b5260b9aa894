// SPDX-License-Identifier: Apache-2.0
#include "cli/offline.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "control/api_json.hpp"
#include "control/stored_decision.hpp"
#include "dataplane/block_table.hpp"
#include "dataplane/dataplane.hpp"
#include "dataplane/kernel_clock.hpp"
#include "dataplane/preflight.hpp"
#include "events/event_formatter.hpp"
#include "probewall/allow_reason.hpp"
#include "storage/decision_store.hpp"

namespace probewall::cli {
namespace {

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool in_force(const pw_block_entry& entry, std::uint32_t now_s) {
  return entry.expires_s == PW_NEVER_EXPIRES || entry.expires_s > now_s;
}

/// The kernel counts from boot; people read the wall clock.
struct Left {
  std::uint64_t seconds = UINT64_MAX;
  std::int64_t until_us = kNoEnd;
};

Left left_of(const pw_block_entry& entry, std::uint32_t now_s) {
  if (entry.expires_s == PW_NEVER_EXPIRES) return {};
  const std::uint64_t seconds = entry.expires_s > now_s ? entry.expires_s - now_s : 0;
  const std::int64_t until_us =
      now_us() - boottime_us() + std::int64_t{entry.expires_s} * 1'000'000;
  return {seconds, until_us - until_us % 1'000'000};  // as the daemon shows it
}

std::optional<DecisionStore> open_store(const Config& config, bool read_only) {
  StoreOptions options;
  options.read_only = read_only;
  options.max_decisions = config.storage.max_decisions;
  auto store = DecisionStore::open(config.storage.directory, options);
  if (!store) return std::nullopt;  // reasons are missing then, blocks are not
  return std::move(*store);
}

std::optional<StoredDecision> stored_for(const std::optional<DecisionStore>& store,
                                         const BlockRecord& block) {
  if (!store) return std::nullopt;
  if (block.entry.handle != 0) {
    auto found = store->by_handle(block.entry.handle);
    if (found && *found && (*found)->source == block.prefix) return std::move(**found);
  }
  auto found = store->latest_for(block.prefix);
  return found && *found && (*found)->handle == block.entry.handle ? std::move(*found)
                                                                   : std::nullopt;
}

ApiBan ban_of(const BlockRecord& block, std::uint32_t now_s,
              const std::optional<DecisionStore>& store) {
  ApiBan ban;
  ban.source = block.prefix;
  ban.action = block_action_name(block.entry.action);
  ban.origin = origin_name(block.entry.origin);
  ban.handle = block.entry.handle;
  const Left left = left_of(block.entry, now_s);
  ban.seconds_left = left.seconds;
  ban.until_us = left.until_us;
  if (const auto stored = stored_for(store, block)) {
    ban.id = stored->id;
    ban.note = stored->note;
    ban.rules = stored->reasons;
    ban.score = stored->score;
  }
  return ban;
}

}  // namespace

Result<std::string> may_read_pins(const Context& context, const Error& unreachable) {
  if (!is_dead(unreachable) || !is_root()) return tl::unexpected(unreachable);
  const auto pins = context.config_or_default().paths.pin_directory;
  const auto lock = lock_pins(pins);
  if (lock || lock.error().errno_value != EWOULDBLOCK)
    return "probewalld is not running; this is the kernel's pinned state";
  return "probewalld runs on the pins in " + pins + " but does not answer behind " +
         context.control_socket() +
         " (it or its worker is starting, or --socket is another's); this is the kernel's pinned "
         "state";
}

Result<UniqueFd> take_pins(const Context& context, const Error& unreachable) {
  if (!is_dead(unreachable) || !is_root()) return tl::unexpected(unreachable);
  const auto pins = context.config_or_default().paths.pin_directory;
  auto lock = lock_pins(pins);
  if (lock || lock.error().errno_value != EWOULDBLOCK) return lock;
  return fail(ExitStatus::kUnreachable,
              "probewalld runs on the pins in " + pins + " but not behind " +
                  context.control_socket() +
                  ": it is starting, or needs --socket or --config of its own");
}

Result<ApiStatus> offline_status(const Config& config) {
  const auto attachments = pinned_attachments(config.paths.pin_directory);
  if (!attachments) return tl::unexpected(attachments.error());
  const auto enforcing = pinned_enforcing(config.paths.pin_directory);
  if (!enforcing) return tl::unexpected(enforcing.error());
  const auto table = BlockTable::open(config.paths.pin_directory, true);
  if (!table) return tl::unexpected(table.error());

  ApiStatus status;
  status.running = false;
  status.version = PROBEWALL_VERSION;
  status.mode = config.mode == Mode::kEnforce ? "enforce" : "observe";
  status.enforcing = *enforcing;
  for (const auto& attachment : *attachments) {
    ApiInterface interface;
    interface.name = attachment.interface;
    interface.xdp_mode = !attachment.xdp ? "off" : attachment.native ? "native" : "generic";
    interface.why = attachment.tc ? "tc programs attached" : "tc programs are not attached";
    status.interfaces.push_back(std::move(interface));
  }
  const std::uint32_t now_s = boottime_seconds();
  const auto counted = table->for_each([&](const BlockRecord& block) {
    if (in_force(block.entry, now_s) && block.entry.action == PW_ACTION_DROP)
      ++status.bans_enforced;
    return true;
  });
  if (!counted) return tl::unexpected(counted.error());
  status.bans_active = status.bans_enforced;
  status.warnings.push_back(
      "the daemon is not running: blocks hold and expire, nothing new is detected");
  return status;
}

Result<ApiWhy> offline_why(const Config& config, const IpAddress& ip) {
  const auto table = BlockTable::open(config.paths.pin_directory, true);
  if (!table) return tl::unexpected(table.error());
  const std::uint32_t now_s = boottime_seconds();
  const auto match = table->match(ip, now_s);
  if (!match) return tl::unexpected(match.error());
  const auto enforcing = pinned_enforcing(config.paths.pin_directory);
  const auto store = open_store(config, true);

  ApiWhy why;
  why.ip = ip;
  why.enforcing = enforcing.value_or(true);
  why.threshold = config.block.threshold;
  why.source = source_of(ip, config.block.ipv6_prefix);
  const auto allow = pinned_allow(config.paths.pin_directory, ip);
  const bool allowed = allow && *allow;
  if (allowed) why.allow = describe_allow_reason((*allow)->reason);
  std::optional<StoredDecision> stored;
  if (*match) {
    const BlockRecord& block = **match;
    why.source = block.prefix;
    why.action = block_action_name(block.entry.action);
    why.origin = origin_name(block.entry.origin);
    why.handle = block.entry.handle;
    const bool spared = allowed && ((*allow)->scope & PW_ALLOW_ALL) != 0;
    why.blocked = why.enforcing && block.entry.action == PW_ACTION_DROP && !spared;
    const Left left = left_of(block.entry, now_s);
    why.seconds_left = left.seconds;
    why.until_us = left.until_us;
    stored = stored_for(store, block);
  } else if (store) {
    if (auto latest = store->latest_for(why.source)) stored = std::move(*latest);
  }
  if (stored) {
    why.decision = stored_decision(*stored);
    why.note = stored->note;
    why.reasons = stored->reasons;
    why.score = stored->score;
    why.requests = stored->evidence;
  }
  return why;
}

Result<ApiBans> offline_bans(const Config& config) {
  const auto table = BlockTable::open(config.paths.pin_directory, true);
  if (!table) return tl::unexpected(table.error());
  const auto store = open_store(config, true);
  const std::uint32_t now_s = boottime_seconds();
  ApiBans bans;
  const auto listed = table->for_each([&](const BlockRecord& block) {
    if (in_force(block.entry, now_s)) bans.bans.push_back(ban_of(block, now_s, store));
    return true;
  });
  if (!listed) return tl::unexpected(listed.error());
  std::sort(bans.bans.begin(), bans.bans.end(),
            [](const ApiBan& a, const ApiBan& b) { return a.source < b.source; });
  bans.total = bans.bans.size();
  return bans;
}

Result<Deletion> offline_delete(const Config& config, const IpPrefix& prefix) {
  auto table = BlockTable::open(config.paths.pin_directory, false);
  if (!table) return tl::unexpected(table.error());
  const auto removed = table->remove(prefix);
  if (!removed) return tl::unexpected(removed.error());
  if (*removed) {
    if (auto store = open_store(config, false))
      (void)store->mark_unblocked(prefix, now_us(), "operator");
  }
  Deletion deletion{*removed, {}};
  const auto around = table->match(prefix.address, boottime_seconds());
  if (around && *around && (*around)->entry.action == PW_ACTION_DROP &&
      (*around)->prefix.contains(prefix)) {
    deletion.still = (*around)->prefix;
  }
  return deletion;
}

Result<std::uint64_t> offline_flush(const Config& config) {
  auto table = BlockTable::open(config.paths.pin_directory, false);
  if (!table) return tl::unexpected(table.error());
  auto removed = table->flush();
  if (removed && *removed > 0) {
    if (auto store = open_store(config, false))
      (void)store->mark_all_unblocked(now_us(), "flushed");
  }
  return removed;
}

}  // namespace probewall::cli
