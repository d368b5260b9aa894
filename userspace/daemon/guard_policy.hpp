// SPDX-License-Identifier: Apache-2.0
// The guard's judgement: which wishes of the worker, and of the operator, become block entries.
// Pure: tables, clocks and sockets are the caller's. Everything the worker says counts as hostile.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/allow_set.hpp"
#include "daemon/guard_protocol.hpp"
#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

struct GuardLimits {
  std::uint64_t max_seconds = 30ull * 86400;  ///< longest automatic ban
  std::uint32_t max_per_second = 1000;        ///< new automatic bans
  unsigned ipv6_prefix = 64;                  ///< width of an IPv6 source; IPv4 sources are /32
  unsigned min_prefix_v4 = 8;                 ///< nothing wider is ever blocked, by anyone
  unsigned min_prefix_v6 = 32;
  bool require_proof = true;
};

/// Both clocks at one moment.
struct GuardNow {
  std::uint64_t monotonic_ns = 0;
  std::uint32_t boot_s = 0;  ///< CLOCK_BOOTTIME, the clock of pw_block_entry::expires_s
  bool into_second = false;  ///< boot_s was rounded down
  /// Where a new entry's length counts from: it never ends early.
  std::uint32_t from_s() const { return boot_s + (into_second ? 1 : 0); }
};

/// What to do about a wish that was granted.
struct Grant {
  IpPrefix prefix;
  pw_block_entry entry{};  ///< as the table shall read
  bool write = true;       ///< false: the table has this or a longer, stronger entry already
  bool is_new = false;     ///< no entry in force before
};

class GuardPolicy {
 public:
  explicit GuardPolicy(const GuardLimits& limits)
      : limits_(limits), tokens_(limits.max_per_second) {}

  void set_limits(const GuardLimits& limits) { limits_ = limits; }

  /// The prefix a wish names; nothing when it is none: impossible length, or host bits set.
  static std::optional<IpPrefix> prefix_of(const std::uint8_t (&address)[16], std::uint32_t length);

  /// Judges a kBan or kTag wish. `existing`: the table's exact entry for the prefix, expired or
  /// not. Refusals are counted in refused(). In observe mode only tags are granted.
  tl::expected<Grant, guard::Refusal> judge(const guard::Wish& wish, const AllowSet& allow,
                                            const std::optional<pw_block_entry>& existing,
                                            bool enforcing, const GuardNow& now);

  /// Judges an operator's ban. `seconds` 0: for good. Errors have ExitStatus::kRefused and say why;
  /// they are counted, too.
  Result<Grant> judge_operator(const IpPrefix& prefix, std::uint64_t seconds, const AllowSet& allow,
                               const std::optional<pw_block_entry>& existing, const GuardNow& now);

  /// Counts a refusal that the caller found (full table, failed write).
  void count_refusal(guard::Refusal reason) { ++refused_[static_cast<std::size_t>(reason)]; }
  std::uint64_t refused(guard::Refusal reason) const {
    return refused_[static_cast<std::size_t>(reason)];
  }
  static constexpr std::size_t kRefusalKinds =
      static_cast<std::size_t>(guard::Refusal::kObserve) + 1;

 private:
  std::optional<guard::Refusal> objection(const guard::Wish& wish, const IpPrefix& prefix,
                                          const AllowSet& allow, bool enforcing) const;
  bool take_token(std::uint64_t monotonic_ns);

  GuardLimits limits_;
  double tokens_;
  std::uint64_t refilled_ns_ = 0;
  std::array<std::uint64_t, kRefusalKinds> refused_{};
};

const char* to_string(guard::Refusal reason);
/// The same in words: why a ban that was due was not made.
const char* describe(guard::Refusal reason);

/// True while the kernel applies `entry`.
inline bool in_force(const pw_block_entry& entry, std::uint32_t boot_s) {
  return entry.expires_s == PW_NEVER_EXPIRES || boot_s < entry.expires_s;
}

}  // namespace probewall
