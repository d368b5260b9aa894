// SPDX-License-Identifier: Apache-2.0
#include "daemon/stored_bans.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace probewall {
namespace {

constexpr GuardNow kNow{5'000'000'000, 1000};

StoredBan row(const char* text, std::uint8_t origin, std::uint64_t seconds = 600) {
  const auto prefix = *IpPrefix::parse(text);
  StoredBan ban;
  std::memcpy(ban.address, prefix.address.bytes.data(), sizeof ban.address);
  ban.prefix_len = prefix.length;
  ban.handle = 7;
  ban.seconds = seconds;
  ban.action = PW_ACTION_DROP;
  ban.origin = origin;
  return ban;
}

std::optional<Grant> judge(const StoredBan& ban) {
  GuardPolicy policy{GuardLimits{}};
  AllowSet allow;
  allow.replace(AllowLayer::kConfig, {{*IpPrefix::parse("192.0.2.0/24"),
                                       pw_allow_entry{PW_ALLOW_ALL, PW_ALLOW_OPERATOR, {}}}});
  return judge_stored(ban, policy, allow, std::nullopt, kNow);
}

TEST(StoredBans, BanComesBackWithItsHandleOriginAndEnd) {
  const auto grant = judge(row("198.51.100.7", PW_ORIGIN_DETECTOR));

  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->prefix, *IpPrefix::parse("198.51.100.7"));
  EXPECT_EQ(grant->entry.handle, 7u);
  EXPECT_EQ(grant->entry.origin, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(grant->entry.expires_s, 1600u);
}

TEST(StoredBans, OperatorsBanMayBeWideAndForGood) {
  const auto grant = judge(row("198.51.0.0/16", PW_ORIGIN_OPERATOR, 0));

  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->entry.origin, PW_ORIGIN_OPERATOR);
  EXPECT_EQ(grant->entry.expires_s, PW_NEVER_EXPIRES);
}

TEST(StoredBans, RowsThatNoNewBanCouldMakeAreRefused) {
  auto nothing = row("198.51.100.7", PW_ORIGIN_DETECTOR);
  nothing.action = PW_ACTION_NONE;
  auto host_bits = row("198.51.100.7", PW_ORIGIN_OPERATOR);
  host_bits.prefix_len = 24;
  for (const auto& bad :
       {row("192.0.2.9", PW_ORIGIN_DETECTOR), row("192.0.2.9", PW_ORIGIN_OPERATOR),
        row("198.51.0.0/16", PW_ORIGIN_DETECTOR), row("0.0.0.0/0", PW_ORIGIN_OPERATOR),
        row("198.51.100.7", PW_ORIGIN_DETECTOR, 0), nothing, host_bits}) {
    EXPECT_FALSE(judge(bad));
  }
}

}  // namespace
}  // namespace probewall
