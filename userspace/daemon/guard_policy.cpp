// SPDX-License-Identifier: Apache-2.0
#include "daemon/guard_policy.hpp"

#include <algorithm>

namespace probewall {
namespace {

using guard::Refusal;

std::uint32_t expiry(std::uint32_t boot_s, std::uint64_t seconds) {
  const std::uint64_t at = boot_s + std::min<std::uint64_t>(seconds, PW_NEVER_EXPIRES);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(at, PW_NEVER_EXPIRES - 1));
}

/// The entry that keeps every promise already made: the stronger action, the later expiry.
Grant merged(const IpPrefix& prefix, pw_block_entry wanted,
             const std::optional<pw_block_entry>& existing, std::uint32_t boot_s) {
  if (!existing || !in_force(*existing, boot_s)) return {prefix, wanted, true, true};
  const int gain = pw_action_rank(wanted.action) - pw_action_rank(existing->action);
  if (gain < 0 || (gain == 0 && existing->expires_s >= wanted.expires_s)) {
    return {prefix, *existing, false, false};
  }
  return {prefix, wanted, true, false};
}

}  // namespace

std::optional<IpPrefix> GuardPolicy::prefix_of(const std::uint8_t (&address)[16],
                                               std::uint32_t length) {
  IpAddress a;
  std::copy(std::begin(address), std::end(address), a.bytes.begin());
  if (length > (a.is_v4() ? 32u : 128u)) return std::nullopt;
  const auto prefix = IpPrefix::of(a, length);
  if (prefix.address != a) return std::nullopt;
  return prefix;
}

std::optional<Refusal> GuardPolicy::objection(const guard::Wish& wish, const IpPrefix& prefix,
                                              const AllowSet& allow, bool enforcing) const {
  if (prefix.length < (prefix.is_v4() ? 32u : limits_.ipv6_prefix)) return Refusal::kTooWide;
  if (wish.seconds == 0 || wish.seconds > limits_.max_seconds) return Refusal::kTooLong;
  if (pw_action_rank(wish.action) == 0) return Refusal::kFailed;
  if (limits_.require_proof && wish.proven != 1) return Refusal::kUnproven;
  if (allow.overlapping(prefix)) return Refusal::kAllowed;
  if (!enforcing && wish.action != PW_ACTION_TAG) return Refusal::kObserve;
  return std::nullopt;
}

bool GuardPolicy::take_token(std::uint64_t monotonic_ns) {
  const double ceiling = limits_.max_per_second;
  if (monotonic_ns > refilled_ns_) {
    const double elapsed_s = static_cast<double>(monotonic_ns - refilled_ns_) * 1e-9;
    tokens_ = std::min(ceiling, tokens_ + elapsed_s * ceiling);
    refilled_ns_ = monotonic_ns;
  }
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

tl::expected<Grant, Refusal> GuardPolicy::judge(const guard::Wish& wish, const AllowSet& allow,
                                                const std::optional<pw_block_entry>& existing,
                                                bool enforcing, const GuardNow& now) {
  const auto refuse = [this](Refusal reason) {
    count_refusal(reason);
    return tl::unexpected(reason);
  };
  const auto prefix = prefix_of(wish.address, wish.prefix_len);
  if (!prefix) return refuse(Refusal::kFailed);
  if (const auto reason = objection(wish, *prefix, allow, enforcing)) return refuse(*reason);

  pw_block_entry entry{};
  entry.expires_s = expiry(now.from_s(), wish.seconds);
  entry.handle = wish.handle;
  entry.action = wish.action;
  entry.origin = PW_ORIGIN_DETECTOR;
  entry.prefix_len = prefix->length;
  entry.tag_bits = wish.action == PW_ACTION_TAG ? PW_TAG_SUSPECT : 0;
  const auto grant = merged(*prefix, entry, existing, now.boot_s);
  // Only new entries spend the rate: a renewal takes no room and cuts nobody off.
  if (grant.is_new && !take_token(now.monotonic_ns)) return refuse(Refusal::kRate);
  return grant;
}

Result<Grant> GuardPolicy::judge_operator(const IpPrefix& prefix, std::uint64_t seconds,
                                          const AllowSet& allow,
                                          const std::optional<pw_block_entry>& existing,
                                          const GuardNow& now) {
  const unsigned widest = prefix.is_v4() ? limits_.min_prefix_v4 : limits_.min_prefix_v6;
  if (prefix.length < widest) {
    count_refusal(Refusal::kTooWide);
    return fail(ExitStatus::kRefused, prefix.to_string() + " is too wide: nothing wider than /" +
                                          std::to_string(widest) + " is ever blocked");
  }
  if (const auto hit = allow.overlapping(prefix)) {
    count_refusal(Refusal::kAllowed);
    return fail(ExitStatus::kRefused,
                prefix.to_string() + " would cut off " + hit->prefix.to_string() + " (" +
                    describe_allow_reason(hit->entry.reason) + "), which is never blocked");
  }
  pw_block_entry entry{};
  entry.expires_s = seconds == 0 ? PW_NEVER_EXPIRES : expiry(now.from_s(), seconds);
  entry.action = PW_ACTION_DROP;
  entry.origin = PW_ORIGIN_OPERATOR;
  entry.prefix_len = prefix.length;
  return Grant{prefix, entry, true, !existing || !in_force(*existing, now.boot_s)};
}

const char* describe(Refusal reason) {
  switch (reason) {
    case Refusal::kAllowed:
      return "it would cut off an address that is never blocked";
    case Refusal::kTooWide:
      return "it is wider than one source";
    case Refusal::kTooLong:
      return "it is longer than block.max";
    case Refusal::kRate:
      return "there were more new bans a second than block.max_per_second";
    case Refusal::kUnproven:
      return "the address is not proven";
    case Refusal::kTableFull:
      return "the block table is full (block.max_addresses)";
    case Refusal::kFailed:
      return "the block table could not be written";
    case Refusal::kObserve:
      return "nothing is blocked in observe mode";
    case Refusal::kNone:
      break;
  }
  return "unknown";
}

const char* to_string(Refusal reason) {
  switch (reason) {
    case Refusal::kNone:
      return "none";
    case Refusal::kAllowed:
      return "allowed";
    case Refusal::kTooWide:
      return "too_wide";
    case Refusal::kTooLong:
      return "too_long";
    case Refusal::kRate:
      return "rate";
    case Refusal::kUnproven:
      return "unproven";
    case Refusal::kTableFull:
      return "table_full";
    case Refusal::kFailed:
      return "failed";
    case Refusal::kObserve:
      return "observe";
  }
  return "unknown";
}

}  // namespace probewall
