// SPDX-License-Identifier: Apache-2.0
// The guard's ledger over the real block tables: what a feed and somebody else both name.
#include "conversation.hpp"
#include "daemon/block_ledger.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall::test {
namespace {

pw_block_entry entry_of(pw_block_action action, pw_block_origin origin,
                        std::uint32_t expires_s = PW_NEVER_EXPIRES) {
  pw_block_entry entry{};
  entry.action = action;
  entry.origin = origin;
  entry.expires_s = expires_s;
  entry.tag_bits = origin == PW_ORIGIN_FEED ? PW_TAG_FEED : 0;
  return entry;
}

class Ledger : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    adopt();
  }
  void adopt() {
    auto adopted = BlockLedger::adopt(lab->blocks());
    ASSERT_TRUE(adopted);
    ledger.emplace(std::move(*adopted));
  }
  IpPrefix source() const {
    const auto address = IpAddress::parse(talk().client).value();
    return IpPrefix::of(address, address.is_v4() ? 32 : 128);
  }
  IpPrefix net() const {
    const auto address = IpAddress::parse(talk().client).value();
    return IpPrefix::of(address, address.is_v4() ? 24 : 64);
  }
  BlockLedger::Feed feed(pw_block_action action, std::uint32_t expires_s = PW_NEVER_EXPIRES) {
    return {{source(), entry_of(action, PW_ORIGIN_FEED, expires_s)}};
  }
  void ban(pw_block_action action, std::uint32_t expires_s,
           pw_block_origin origin = PW_ORIGIN_DETECTOR) {
    ASSERT_TRUE(ledger->put(source(), entry_of(action, origin, expires_s), now));
  }
  /// The entry that the kernel reads.
  std::optional<pw_block_entry> held() const { return lab->blocks().get(source()).value(); }
  std::vector<pw_block_entry> sweep(std::uint32_t at_s) {
    std::vector<pw_block_entry> ended;
    ledger->sweep(at_s, 1000, [&](const BlockRecord& record) { ended.push_back(record.entry); });
    return ended;
  }
  pw_block_origin dropped_by() {
    const auto family = talk().abi_family();
    const auto before = lab->verdicts(PW_VERDICT_DROP_FEED, family);
    EXPECT_EQ(lab->xdp(talk().syn()).action, kDrop);
    return lab->verdicts(PW_VERDICT_DROP_FEED, family) > before ? PW_ORIGIN_FEED
                                                                : PW_ORIGIN_DETECTOR;
  }
  std::optional<BlockLedger> ledger;
  std::uint32_t now = boottime_seconds();
};

TEST_P(Ledger, ShortBanLeavesTheFeedsLongerEntryInForce) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  ban(PW_ACTION_DROP, now + 10);
  EXPECT_EQ(held()->expires_s, PW_NEVER_EXPIRES);
  EXPECT_EQ(dropped_by(), PW_ORIGIN_FEED);
  EXPECT_TRUE(sweep(now + 10).empty());
  EXPECT_EQ(held()->expires_s, PW_NEVER_EXPIRES);
  EXPECT_EQ(ledger->size(), 1u);
}

TEST_P(Ledger, LongerBanOverAFeedsEntryThatEndsIsAppliedToItsEnd) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP, now + 10), now));
  ban(PW_ACTION_DROP, now + 20);
  EXPECT_EQ(held()->expires_s, now + 20);
  EXPECT_TRUE(sweep(now + 10).empty());
  EXPECT_EQ(sweep(now + 20).size(), 1u);
  EXPECT_FALSE(held());
  EXPECT_EQ(ledger->size(), 0u);
}

TEST_P(Ledger, WeakerBanDoesNotTouchAFeedsDropAndComesUpWhenThatEnds) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP, now + 100), now));
  ban(PW_ACTION_RATE_LIMIT, now + 200);
  EXPECT_EQ(dropped_by(), PW_ORIGIN_FEED);
  EXPECT_GT(held()->expires_s, now + 100);  // until the sweep has come
  const auto ended = sweep(now + 100);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].origin, PW_ORIGIN_FEED);
  EXPECT_EQ(held()->action, PW_ACTION_RATE_LIMIT);
  EXPECT_EQ(held()->expires_s, now + 200);
}

TEST_P(Ledger, FeedsTagFollowsAStrongerBanWithoutAGap) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_TAG), now));
  ban(PW_ACTION_DROP, now + 100);
  EXPECT_EQ(dropped_by(), PW_ORIGIN_DETECTOR);
  EXPECT_GT(held()->expires_s, now + 100);
  EXPECT_EQ((*ledger->get(source()))->expires_s, now + 100);  // as it was given
  EXPECT_EQ((*ledger->match(source().address, now))->entry.expires_s, now + 100);
  EXPECT_EQ(ledger->snapshot(now)->at(0).entry.expires_s, now + 100);
  EXPECT_TRUE(ledger->snapshot(now + 100)->empty());
  const auto ended = sweep(now + 100);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].expires_s, now + 100);
  EXPECT_EQ(held()->action, PW_ACTION_TAG);
  EXPECT_EQ(held()->expires_s, PW_NEVER_EXPIRES);
  EXPECT_EQ(lab->xdp(talk().syn()).action, kPass);
  EXPECT_TRUE(sweep(now + 200).empty());
}

TEST_P(Ledger, RemovingABanBringsUpTheFeedsEntryAndThenRemovesThat) {
  for (const auto action : {PW_ACTION_DROP, PW_ACTION_TAG}) {
    ASSERT_TRUE(ledger->set_feed(feed(action), now));
    ban(PW_ACTION_DROP, now + 100, PW_ORIGIN_OPERATOR);
    const auto first = ledger->remove(source(), now);
    EXPECT_EQ(first->removed->origin, PW_ORIGIN_OPERATOR);
    EXPECT_EQ(first->left->origin, PW_ORIGIN_FEED);
    EXPECT_EQ(held()->origin, PW_ORIGIN_FEED);
    EXPECT_EQ(held()->action, action);
    const auto second = ledger->remove(source(), now);
    EXPECT_EQ(second->removed->origin, PW_ORIGIN_FEED);
    EXPECT_FALSE(second->left);
    EXPECT_FALSE(held());
    EXPECT_FALSE(ledger->remove(source(), now)->removed);
  }
  EXPECT_EQ(ledger->size(), 0u);
}

TEST_P(Ledger, RemovingABanThatJustEndedLeavesTheFeedsEntry) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_TAG), now));
  ban(PW_ACTION_DROP, now + 100);
  ASSERT_TRUE(ledger->remove(source(), now + 100));
  EXPECT_EQ(held()->action, PW_ACTION_TAG);
}

TEST_P(Ledger, FeedThatDropsAnAddressLeavesTheBanBeneath) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  ban(PW_ACTION_DROP, now + 100);
  ASSERT_TRUE(ledger->set_feed({}, now));
  EXPECT_EQ(held()->origin, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(held()->expires_s, now + 100);
  EXPECT_EQ(sweep(now + 100).size(), 1u);
  EXPECT_FALSE(held());
}

TEST_P(Ledger, FeedThatComesAfterABanIsNotLostWhenTheBanEnds) {
  ban(PW_ACTION_DROP, now + 100);
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  EXPECT_EQ(held()->expires_s, PW_NEVER_EXPIRES);
  ASSERT_TRUE(ledger->set_feed({}, now));
  EXPECT_EQ(held()->expires_s, now + 100);
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_TAG), now));
  EXPECT_EQ(held()->action, PW_ACTION_DROP);
  EXPECT_EQ(sweep(now + 100).size(), 1u);
  EXPECT_EQ(held()->action, PW_ACTION_TAG);
}

TEST_P(Ledger, NextDaemonFindsFeedAndBanInForce) {
  for (const auto action : {PW_ACTION_DROP, PW_ACTION_TAG}) {
    ASSERT_TRUE(ledger->set_feed(feed(action), now));
    ban(PW_ACTION_DROP, now + 100);
    lab->reopen_blocks();
    adopt();
    ASSERT_TRUE(ledger->set_feed(feed(action), now));
    EXPECT_EQ(lab->xdp(talk().syn()).action, kDrop);
    sweep(now + 110);
    EXPECT_EQ(held()->origin, PW_ORIGIN_FEED);
    EXPECT_EQ(held()->action, action);
    EXPECT_EQ(held()->expires_s, PW_NEVER_EXPIRES);
    ASSERT_TRUE(ledger->flush());
  }
}

TEST_P(Ledger, BanThatEndedWhileNoDaemonRanGivesWayToTheFeed) {
  ASSERT_TRUE(ledger->put(source(), entry_of(PW_ACTION_DROP, PW_ORIGIN_DETECTOR, now), now));
  adopt();
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  EXPECT_EQ(dropped_by(), PW_ORIGIN_FEED);
}

TEST_P(Ledger, OperatorsBanForGoodStaysWhenTheFeedGoes) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  ban(PW_ACTION_DROP, PW_NEVER_EXPIRES, PW_ORIGIN_OPERATOR);
  adopt();  // a restart knows it, too
  ASSERT_TRUE(ledger->set_feed({}, now));
  EXPECT_EQ(held()->origin, PW_ORIGIN_OPERATOR);
}

TEST_P(Ledger, OwnBanIsToldApartFromTheFeeds) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  EXPECT_FALSE(*ledger->own(source()));
  ban(PW_ACTION_DROP, now + 10);
  EXPECT_EQ((*ledger->own(source()))->expires_s, now + 10);
  EXPECT_EQ((*ledger->get(source()))->origin, PW_ORIGIN_FEED);
}

TEST_P(Ledger, AllowingAnAddressTakesBothOutForGood) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_TAG), now));
  ban(PW_ACTION_DROP, now + 10);
  const auto inside = ledger->remove_inside(net());
  ASSERT_TRUE(inside);
  ASSERT_EQ(inside->size(), 1u);
  EXPECT_EQ(inside->at(0).entry.expires_s, now + 10);
  EXPECT_TRUE(sweep(now + 100).empty());
  EXPECT_FALSE(held());
}

TEST_P(Ledger, FlushTakesOutAllUntilTheFeedIsSetAgain) {
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  ban(PW_ACTION_DROP, now + 10);
  EXPECT_EQ(*ledger->flush(), 1u);
  EXPECT_TRUE(sweep(now + 100).empty());
  EXPECT_FALSE(held());
  ASSERT_TRUE(ledger->set_feed(feed(PW_ACTION_DROP), now));
  EXPECT_EQ(dropped_by(), PW_ORIGIN_FEED);
}

TEST_P(Ledger, QueueOfEndsStaysShortHoweverOftenBansChange) {
  const auto most = [&] { return 2 * (ledger->size() + 1) + ExpiryQueue::kSlack; };
  ASSERT_TRUE(ledger->put(net(), entry_of(PW_ACTION_DROP, PW_ORIGIN_DETECTOR, now + 50), now));
  for (std::uint32_t i = 1; i <= 10'000; ++i) {
    ban(PW_ACTION_DROP, now + 100 + i);
    ASSERT_LE(ledger->queued(), most());
  }
  ASSERT_TRUE(
      ledger->set_feed(feed(PW_ACTION_DROP), now));  // the ban's end lies beneath from now on
  for (std::uint32_t i = 1; i <= 10'000; ++i) {
    ban(PW_ACTION_DROP, now + 20'000 - i);
    ASSERT_LE(ledger->queued(), most());
  }
  EXPECT_EQ(sweep(now + 50).size(), 1u);
  for (int i = 0; i < 2; ++i) sweep(now + 10'000);
  EXPECT_FALSE(*ledger->own(source()));  // the last end given was kept
  EXPECT_EQ(held()->origin, PW_ORIGIN_FEED);
}

PROBEWALL_BOTH_FAMILIES(Ledger);

}  // namespace
}  // namespace probewall::test
