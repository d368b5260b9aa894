// SPDX-License-Identifier: Apache-2.0
#include "daemon/guard_policy.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace probewall {
namespace {

using guard::Refusal;
using guard::Wish;

constexpr std::uint32_t kBootS = 1000;
constexpr GuardNow kNow{5'000'000'000, kBootS};

Wish ban(const char* prefix_text, std::uint64_t seconds = 600) {
  const auto prefix = *IpPrefix::parse(prefix_text);
  Wish wish;
  wish.type = static_cast<std::uint32_t>(guard::WishType::kBan);
  wish.handle = 7;
  std::memcpy(wish.address, prefix.address.bytes.data(), sizeof wish.address);
  wish.prefix_len = prefix.length;
  wish.action = PW_ACTION_DROP;
  wish.proven = 1;
  wish.seconds = seconds;
  return wish;
}

AllowSet allow_set(const char* prefix, std::uint8_t scope, std::uint8_t reason) {
  AllowSet set;
  set.replace(AllowLayer::kNetwork,
              {{*IpPrefix::parse(prefix), pw_allow_entry{scope, reason, {}}}});
  return set;
}

pw_block_entry entry(std::uint8_t action, std::uint8_t origin, std::uint32_t expires_s) {
  pw_block_entry e{};
  e.action = action;
  e.origin = origin;
  e.expires_s = expires_s;
  return e;
}

Refusal refusal(const Wish& wish, const AllowSet& allow = {}, bool enforcing = true,
                const GuardLimits& limits = {}) {
  GuardPolicy policy{limits};
  const auto grant = policy.judge(wish, allow, std::nullopt, enforcing, kNow);
  if (grant) return Refusal::kNone;
  EXPECT_EQ(policy.refused(grant.error()), 1u);
  return grant.error();
}

TEST(GuardPolicy, ABanMadeWithinASecondDoesNotEndEarly) {
  GuardPolicy policy{{}};
  const GuardNow within{5'000'000'000, kBootS, true};

  const auto wished = policy.judge(ban("198.51.100.7/32", 3), {}, std::nullopt, true, within);
  const auto operators =
      policy.judge_operator(*IpPrefix::parse("198.51.100.8/32"), 3, {}, std::nullopt, within);

  ASSERT_TRUE(wished && operators);
  EXPECT_EQ(wished->entry.expires_s, kBootS + 4);
  EXPECT_EQ(operators->entry.expires_s, kBootS + 4);
}

TEST(GuardPolicy, GrantsAProvenBanOfOneAddressWithItsExpiryAndHandle) {
  GuardPolicy policy{{}};

  const auto grant = policy.judge(ban("198.51.100.7/32", 600), {}, std::nullopt, true, kNow);

  ASSERT_TRUE(grant.has_value());
  EXPECT_TRUE(grant->write);
  EXPECT_EQ(grant->prefix.to_string(), "198.51.100.7/32");
  EXPECT_EQ(grant->entry.expires_s, kBootS + 600);
  EXPECT_EQ(grant->entry.handle, 7u);
  EXPECT_EQ(grant->entry.action, PW_ACTION_DROP);
  EXPECT_EQ(grant->entry.origin, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(grant->entry.prefix_len, 32);
}

TEST(GuardPolicy, WorkerMayBlockOneSourceOnlyNotANetwork) {
  EXPECT_EQ(refusal(ban("198.51.100.0/31")), Refusal::kTooWide);
  EXPECT_EQ(refusal(ban("0.0.0.0/0")), Refusal::kTooWide);
  EXPECT_EQ(refusal(ban("2001:db8:1:2::/64")), Refusal::kNone);
  EXPECT_EQ(refusal(ban("2001:db8:1:2::7/128")), Refusal::kNone);
  EXPECT_EQ(refusal(ban("2001:db8:1::/63")), Refusal::kTooWide);
  EXPECT_EQ(refusal(ban("::/0")), Refusal::kTooWide);
}

TEST(GuardPolicy, ConfiguredIpv6WidthIsTheWidest) {
  GuardLimits limits;
  limits.ipv6_prefix = 56;
  EXPECT_EQ(refusal(ban("2001:db8:1:200::/56"), {}, true, limits), Refusal::kNone);
  EXPECT_EQ(refusal(ban("2001:db8:1:200::/55"), {}, true, limits), Refusal::kTooWide);
}

TEST(GuardPolicy, RefusesLengthsAndHostBitsThatNameNoPrefix) {
  auto wish = ban("198.51.100.7/32");
  wish.prefix_len = 33;
  EXPECT_EQ(refusal(wish), Refusal::kFailed);
  wish.prefix_len = 24;  // .7 is a host bit now
  EXPECT_EQ(refusal(wish), Refusal::kFailed);
  wish.prefix_len = 0xffffffff;
  EXPECT_EQ(refusal(wish), Refusal::kFailed);
}

TEST(GuardPolicy, RefusesBansLongerThanTheMaximumOrWithoutLength) {
  GuardLimits limits;
  limits.max_seconds = 3600;
  EXPECT_EQ(refusal(ban("198.51.100.7", 3600), {}, true, limits), Refusal::kNone);
  EXPECT_EQ(refusal(ban("198.51.100.7", 3601), {}, true, limits), Refusal::kTooLong);
  EXPECT_EQ(refusal(ban("198.51.100.7", UINT64_MAX), {}, true, limits), Refusal::kTooLong);
  EXPECT_EQ(refusal(ban("198.51.100.7", 0), {}, true, limits), Refusal::kTooLong);
}

TEST(GuardPolicy, RefusesUnprovenSourcesUnlessProofIsNotRequired) {
  auto wish = ban("198.51.100.7");
  wish.proven = 0;
  EXPECT_EQ(refusal(wish), Refusal::kUnproven);
  wish.proven = 2;  // not a value the worker sends
  EXPECT_EQ(refusal(wish), Refusal::kUnproven);
  GuardLimits limits;
  limits.require_proof = false;
  EXPECT_EQ(refusal(wish, {}, true, limits), Refusal::kNone);
}

TEST(GuardPolicy, RefusesAnythingThatTouchesTheAllowSet) {
  const auto inside = allow_set("198.51.100.0/24", PW_ALLOW_ALL, PW_ALLOW_CONFIG);
  EXPECT_EQ(refusal(ban("198.51.100.7"), inside), Refusal::kAllowed);
  EXPECT_EQ(refusal(ban("198.51.101.7"), inside), Refusal::kNone);
  const auto gateway = allow_set("2001:db8::1/128", PW_ALLOW_ALL, PW_ALLOW_GATEWAY);
  EXPECT_EQ(refusal(ban("2001:db8::/64"), gateway), Refusal::kAllowed)
      << "its /64 holds the gateway";
  const auto ssh = allow_set("203.0.113.5/32", PW_ALLOW_SSH_PORT, PW_ALLOW_SSH_PEER);
  EXPECT_EQ(refusal(ban("203.0.113.5"), ssh), Refusal::kAllowed);
}

TEST(GuardPolicy, ObserveModeRefusesBlocksAndGrantsTags) {
  EXPECT_EQ(refusal(ban("198.51.100.7"), {}, false), Refusal::kObserve);
  auto wish = ban("198.51.100.7");
  wish.action = PW_ACTION_RATE_LIMIT;
  EXPECT_EQ(refusal(wish, {}, false), Refusal::kObserve);
  wish.action = PW_ACTION_TAG;
  EXPECT_EQ(refusal(wish, {}, false), Refusal::kNone);
}

TEST(GuardPolicy, RefusesActionsThatDoNotExist) {
  auto wish = ban("198.51.100.7");
  wish.action = PW_ACTION_NONE;
  EXPECT_EQ(refusal(wish), Refusal::kFailed);
  wish.action = 200;
  EXPECT_EQ(refusal(wish), Refusal::kFailed);
}

TEST(GuardPolicy, GrantsSoManyNewBansASecondAndMoreWhenTimePasses) {
  GuardLimits limits;
  limits.max_per_second = 2;
  GuardPolicy policy{limits};
  const auto ask = [&policy](const char* address, GuardNow now) {
    return policy.judge(ban(address), {}, std::nullopt, true, now).has_value();
  };
  EXPECT_TRUE(ask("198.51.100.1", kNow));
  EXPECT_TRUE(ask("198.51.100.2", kNow));
  EXPECT_FALSE(ask("198.51.100.3", kNow));
  EXPECT_EQ(policy.refused(Refusal::kRate), 1u);
  EXPECT_TRUE(ask("198.51.100.3", {kNow.monotonic_ns + 500'000'000, kBootS}));
  EXPECT_FALSE(ask("198.51.100.4", {kNow.monotonic_ns + 500'000'000, kBootS}));
  // However long it was quiet, only one second's worth is saved up.
  const GuardNow later{kNow.monotonic_ns + 3'600'000'000'000, kBootS + 3600};
  EXPECT_TRUE(ask("198.51.100.5", later));
  EXPECT_TRUE(ask("198.51.100.6", later));
  EXPECT_FALSE(ask("198.51.100.7", later));
}

TEST(GuardPolicy, RenewalsDoNotSpendTheRate) {
  GuardLimits limits;
  limits.max_per_second = 1;
  GuardPolicy policy{limits};
  const auto there = entry(PW_ACTION_DROP, PW_ORIGIN_DETECTOR, kBootS + 10);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(policy.judge(ban("198.51.100.1"), {}, there, true, kNow).has_value());
  }
  EXPECT_TRUE(policy.judge(ban("198.51.100.2"), {}, std::nullopt, true, kNow).has_value());
}

TEST(GuardPolicy, RenewalKeepsTheLaterExpiry) {
  GuardPolicy policy{{}};
  const auto longer = entry(PW_ACTION_DROP, PW_ORIGIN_DETECTOR, kBootS + 5000);
  const auto kept = policy.judge(ban("198.51.100.1", 600), {}, longer, true, kNow);
  ASSERT_TRUE(kept.has_value());
  EXPECT_FALSE(kept->write);
  EXPECT_EQ(kept->entry.expires_s, kBootS + 5000);

  const auto shorter = entry(PW_ACTION_DROP, PW_ORIGIN_DETECTOR, kBootS + 5);
  const auto renewed = policy.judge(ban("198.51.100.1", 600), {}, shorter, true, kNow);
  ASSERT_TRUE(renewed.has_value());
  EXPECT_TRUE(renewed->write);
  EXPECT_EQ(renewed->entry.expires_s, kBootS + 600);
}

TEST(GuardPolicy, OperatorsBlockForGoodIsNeverReplacedByTheWorker) {
  GuardPolicy policy{{}};
  const auto operators = entry(PW_ACTION_DROP, PW_ORIGIN_OPERATOR, PW_NEVER_EXPIRES);
  const auto grant = policy.judge(ban("198.51.100.1", 600), {}, operators, true, kNow);
  ASSERT_TRUE(grant.has_value());
  EXPECT_FALSE(grant->write);
  EXPECT_EQ(grant->entry.origin, PW_ORIGIN_OPERATOR);
}

TEST(GuardPolicy, WorkerCannotTurnABlockIntoATag) {
  GuardPolicy policy{{}};
  auto wish = ban("198.51.100.1", 86400);
  wish.action = PW_ACTION_TAG;
  const auto block = entry(PW_ACTION_DROP, PW_ORIGIN_DETECTOR, kBootS + 5);
  const auto grant = policy.judge(wish, {}, block, true, kNow);
  ASSERT_TRUE(grant.has_value());
  EXPECT_FALSE(grant->write);
  EXPECT_EQ(grant->entry.action, PW_ACTION_DROP);
}

TEST(GuardPolicy, ExpiredEntryDoesNotCountAsARenewal) {
  GuardPolicy policy{{}};
  const auto expired = entry(PW_ACTION_DROP, PW_ORIGIN_OPERATOR, kBootS);
  const auto grant = policy.judge(ban("198.51.100.1", 600), {}, expired, true, kNow);
  ASSERT_TRUE(grant.has_value());
  EXPECT_TRUE(grant->is_new);
  EXPECT_TRUE(grant->write);
}

TEST(GuardPolicy, ExpiryNeverBecomesForGoodByOverflow) {
  GuardLimits limits;
  limits.max_seconds = UINT64_MAX;
  GuardPolicy policy{limits};
  const auto grant = policy.judge(ban("198.51.100.1", UINT64_MAX), {}, std::nullopt, true, kNow);
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->entry.expires_s, PW_NEVER_EXPIRES - 1);
}

TEST(GuardPolicyOperator, MayBlockANetworkForGood) {
  GuardPolicy policy{{}};
  const auto grant =
      policy.judge_operator(*IpPrefix::parse("198.51.100.0/24"), 0, {}, std::nullopt, kNow);
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->entry.expires_s, PW_NEVER_EXPIRES);
  EXPECT_EQ(grant->entry.origin, PW_ORIGIN_OPERATOR);
}

TEST(GuardPolicyOperator, IsRefusedWithTheReasonWhatWouldBeCutOff) {
  GuardPolicy policy{{}};
  const auto set = allow_set("198.51.100.1/32", PW_ALLOW_ALL, PW_ALLOW_GATEWAY);
  const auto grant =
      policy.judge_operator(*IpPrefix::parse("198.51.100.0/24"), 60, set, std::nullopt, kNow);
  ASSERT_FALSE(grant.has_value());
  EXPECT_EQ(grant.error().status, ExitStatus::kRefused);
  EXPECT_NE(grant.error().message.find("198.51.100.1/32 (default gateway)"), std::string::npos)
      << grant.error().message;
  EXPECT_EQ(policy.refused(Refusal::kAllowed), 1u);
}

TEST(GuardPolicyOperator, IsRefusedNetworksOverTheWidestAllowed) {
  GuardPolicy policy{{}};
  for (const char* wide : {"64.0.0.0/7", "0.0.0.0/0", "2001::/16", "::/0"}) {
    const auto grant = policy.judge_operator(*IpPrefix::parse(wide), 60, {}, std::nullopt, kNow);
    ASSERT_FALSE(grant.has_value()) << wide;
    EXPECT_EQ(grant.error().status, ExitStatus::kRefused);
  }
  EXPECT_EQ(policy.refused(Refusal::kTooWide), 4u);
}

}  // namespace
}  // namespace probewall
