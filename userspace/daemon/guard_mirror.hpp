// SPDX-License-Identifier: Apache-2.0
// What the worker knows of the guard's tables, from notes: it may not read them itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/guard_protocol.hpp"
#include "daemon/prefix_table.hpp"
#include "dataplane/block_table.hpp"
#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"

namespace probewall {

struct MirrorBan {
  std::int64_t until_us = 0;  ///< Unix time; INT64_MAX: no end
  std::uint32_t handle = 0;
  std::uint8_t action = 0;  ///< enum pw_block_action
  std::uint8_t origin = 0;  ///< enum pw_block_origin
  std::string note;         ///< the operator's reason
  std::uint32_t told = 0;   ///< in which retelling, or since
};
using MirrorEntry = std::pair<IpPrefix, MirrorBan>;

struct MirrorAllow {
  pw_allow_entry entry{};
  std::uint32_t told = 0;  ///< as MirrorBan::told
};

/// What changed about an interface since the worker started.
struct MirrorInterface {
  bool attached = true;
  bool native = false;
  std::uint32_t kind = 0;  ///< enum AttachKind
  std::string why;
};

/// Every method may be called from any thread.
class GuardMirror {
 public:
  explicit GuardMirror(bool enforcing) : enforcing_(enforcing) {}

  /// `now_us`, `boot_us`: the same moment in Unix time and by the clock of expiries.
  /// Takes kGranted, kBanned, kUnbanned, kEnforcing, kGauges, kAllowed, kDisallowed, kInterface,
  /// kRetelling, kTable. Returns the entries that kUnbanned removed, or the end of kRetelling.
  std::vector<MirrorEntry> apply(const guard::Note& note, std::int64_t now_us,
                                 std::int64_t boot_us);

  bool enforcing() const { return enforcing_.load(std::memory_order_relaxed); }
  std::uint32_t enforced() const { return enforced_.load(std::memory_order_relaxed); }
  std::uint32_t allow_count() const { return allow_count_.load(std::memory_order_relaxed); }
  std::uint64_t allow_capacity() const { return allow_capacity_.load(std::memory_order_relaxed); }
  /// False while the guard tells it all, at a start and after notes were lost: some may be missing.
  bool whole() const;
  std::size_t size() const;
  BlockFills tables() const;

  /// The longest entry in force around `address`.
  std::optional<MirrorEntry> match(const IpAddress& address, std::int64_t now_us) const;
  /// Entries behind `after`, in prefix order, at most `limit`.
  std::vector<MirrorEntry> page(const std::optional<IpPrefix>& after, std::size_t limit) const;
  std::optional<std::pair<IpPrefix, pw_allow_entry>> allowed(const IpPrefix& prefix) const;
  std::vector<std::pair<IpPrefix, pw_allow_entry>> allow_list() const;
  /// Nothing: as in the boot document.
  std::optional<MirrorInterface> interface(std::size_t index) const;
  /// What a ban of `source` may cover: `source` itself, or `client` alone when `source` holds an
  /// allowed address and `client` is none.
  IpPrefix ban_target(const IpPrefix& source, const IpAddress& client) const;

 private:
  mutable std::mutex mutex_;
  PrefixTable<MirrorBan> bans_;
  BlockFills tables_{};
  std::uint32_t retelling_ = 0;
  bool whole_ = false;  ///< told to the end, and no retelling runs
  PrefixTable<MirrorAllow> allow_;
  std::map<std::size_t, MirrorInterface> interfaces_;
  std::atomic<bool> enforcing_;
  std::atomic<std::uint32_t> enforced_{0}, allow_count_{0};
  std::atomic<std::uint64_t> allow_capacity_{0};
};

/// The prefix a note is about. The guard only sends proper ones.
IpPrefix prefix_of(const guard::Note& note);

}  // namespace probewall
