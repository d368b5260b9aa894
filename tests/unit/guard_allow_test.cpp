// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "daemon/allow_file.hpp"
#include "daemon/allow_set.hpp"
#include "daemon/expiry_queue.hpp"
#include "daemon/prefix_table.hpp"
#include "daemon/seed_feed.hpp"

namespace probewall {
namespace {

IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }
NeverBlock never(const char* text, std::uint8_t reason) {
  return {prefix(text), pw_allow_entry{PW_ALLOW_ALL, reason, {}}};
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() { EXPECT_NE(mkdtemp(path_), nullptr); }
  ~TemporaryDirectory() {
    for (const char* name : {"/list", "/list.new"}) unlink((std::string{path_} + name).c_str());
    rmdir(path_);
  }
  std::string list() const { return std::string{path_} + "/list"; }

 private:
  char path_[32] = "/tmp/probewall-allow-XXXXXX";
};

TEST(AllowSet, PrefixWantedByTwoLayersStaysUntilBothLetGo) {
  AllowSet set;
  set.replace(AllowLayer::kNetwork, {never("192.0.2.1/32", PW_ALLOW_GATEWAY)});
  const auto second =
      set.replace(AllowLayer::kOperator, {never("192.0.2.1/32", PW_ALLOW_OPERATOR)});
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].entry->reason, PW_ALLOW_GATEWAY | PW_ALLOW_OPERATOR);

  const auto without_gateway = set.replace(AllowLayer::kNetwork, {});
  ASSERT_EQ(without_gateway.size(), 1u);
  EXPECT_EQ(without_gateway[0].entry->reason, PW_ALLOW_OPERATOR);

  const auto empty = set.replace(AllowLayer::kOperator, {});
  ASSERT_EQ(empty.size(), 1u);
  EXPECT_FALSE(empty[0].entry.has_value());
  EXPECT_TRUE(set.entries().empty());
}

TEST(AllowSet, SameLayerAgainChangesNothing) {
  AllowSet set;
  set.replace(AllowLayer::kSsh, {never("192.0.2.1/32", PW_ALLOW_SSH_PEER)});
  EXPECT_TRUE(set.replace(AllowLayer::kSsh, {never("192.0.2.1/32", PW_ALLOW_SSH_PEER)}).empty());
}

TEST(AllowSet, OverlapIsFoundFromEitherSide) {
  AllowSet set;
  set.replace(AllowLayer::kConfig,
              {never("10.1.0.0/16", PW_ALLOW_CONFIG), never("192.0.2.9/32", PW_ALLOW_DNS),
               never("2001:db8:5::1/128", PW_ALLOW_GATEWAY)});
  EXPECT_TRUE(set.overlapping(prefix("10.1.2.3/32")));
  EXPECT_TRUE(set.overlapping(prefix("10.0.0.0/8")));
  EXPECT_TRUE(set.overlapping(prefix("192.0.2.0/24")));
  EXPECT_TRUE(set.overlapping(prefix("2001:db8::/32")));
  EXPECT_FALSE(set.overlapping(prefix("10.2.0.0/16")));
  EXPECT_FALSE(set.overlapping(prefix("192.0.2.8/32")));
  EXPECT_FALSE(set.overlapping(prefix("2001:db8:6::/48")));
}

TEST(AllowSet, WideIpv6PrefixDoesNotTakeMappedIpv4ForItsOwn) {
  AllowSet set;
  set.replace(AllowLayer::kConfig, {never("192.0.2.9/32", PW_ALLOW_DNS)});
  EXPECT_FALSE(set.overlapping(prefix("::/16")));
  set.replace(AllowLayer::kNetwork, {never("0:1::1/128", PW_ALLOW_GATEWAY)});
  EXPECT_TRUE(set.overlapping(prefix("::/16"))) << "behind the mapped entries in order";
}

TEST(AllowSet, LoopbackIsAlwaysThere) {
  AllowSet set;
  set.replace(AllowLayer::kConfig, never_block_from_config({}));
  EXPECT_TRUE(set.overlapping(prefix("127.0.0.53/32")));
  EXPECT_TRUE(set.overlapping(prefix("::/64")));
}

TEST(PrefixTable, LongestAcceptedPrefixAroundAnAddressWins) {
  PrefixTable<int> table;
  table.put(prefix("10.0.0.0/8"), 8);
  table.put(prefix("10.1.0.0/16"), 16);
  table.put(prefix("10.1.2.3/32"), 32);
  const auto any = [](int) { return true; };
  EXPECT_EQ(table.longest_around(prefix("10.1.2.3"), any)->second, 32);
  EXPECT_EQ(table.longest_around(prefix("10.1.2.3"), [](int v) { return v < 32; })->second, 16);
  table.erase(prefix("10.1.0.0/16"));
  EXPECT_EQ(table.longest_around(prefix("10.1.9.9"), any)->second, 8);
  EXPECT_EQ(table.longest_around(prefix("11.0.0.1"), any), nullptr);
}

TEST(AllowFile, ReadsBackWhatWasWritten) {
  const TemporaryDirectory directory;
  const std::vector<AllowFileEntry> entries{{prefix("192.0.2.0/24"), "the office"},
                                            {prefix("2001:db8::1/128"), ""}};
  ASSERT_TRUE(write_allow_file(directory.list(), entries).has_value());

  const auto read = read_allow_file(directory.list());

  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].prefix, entries[0].prefix);
  EXPECT_EQ((*read)[0].reason, "the office");
  EXPECT_EQ((*read)[1].prefix, entries[1].prefix);
}

TEST(AllowFile, MissingFileIsAnEmptyList) {
  const TemporaryDirectory directory;
  const auto read = read_allow_file(directory.list());
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->empty());
}

TEST(AllowFile, LineThatIsNoPrefixIsNamed) {
  const TemporaryDirectory directory;
  std::ofstream{directory.list()} << "# hello\n192.0.2.1\nnot-an-address\n";
  const auto read = read_allow_file(directory.list());
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().message.find(":3:"), std::string::npos) << read.error().message;
}

TEST(AllowFile, WritingDoesNotFollowALinkPutThere) {
  const TemporaryDirectory directory;
  const std::string target = directory.list() + "-target";
  ASSERT_EQ(symlink(target.c_str(), (directory.list() + ".new").c_str()), 0);
  EXPECT_TRUE(write_allow_file(directory.list(), {}).has_value());
  EXPECT_NE(access(target.c_str(), F_OK), 0);
}

TEST(ExpiryQueue, GivesPrefixesInOrderOfExpiryAndNoneThatNeverExpire) {
  ExpiryQueue queue;
  queue.push(prefix("192.0.2.3"), 30);
  queue.push(prefix("192.0.2.1"), 10);
  queue.push(prefix("192.0.2.9"), PW_NEVER_EXPIRES);
  EXPECT_FALSE(queue.pop_due(9));
  EXPECT_EQ(queue.pop_due(30)->to_string(), "192.0.2.1/32");
  EXPECT_EQ(queue.pop_due(30)->to_string(), "192.0.2.3/32");
  EXPECT_FALSE(queue.pop_due(PW_NEVER_EXPIRES));
}

TEST(SeedFeed, ShipsTheTwoCampaignAddressesForGood) {
  const auto feed = seed_feed(true, FeedAction::kBlock, {});
  ASSERT_EQ(feed.entries.size(), 2u);
  const auto& entry = feed.entries.at(prefix("204.76.203.125"));
  EXPECT_EQ(entry.action, PW_ACTION_DROP);
  EXPECT_EQ(entry.origin, PW_ORIGIN_FEED);
  EXPECT_EQ(entry.expires_s, PW_NEVER_EXPIRES);
  EXPECT_TRUE(feed.entries.contains(prefix("45.88.186.70")));
}

TEST(SeedFeed, SkipsWhatIsAllowedAndCanTagOrBeOff) {
  AllowSet set;
  set.replace(AllowLayer::kOperator, {never("45.88.0.0/16", PW_ALLOW_OPERATOR)});
  const auto feed = seed_feed(true, FeedAction::kTag, set);
  ASSERT_EQ(feed.skipped.size(), 1u);
  EXPECT_EQ(feed.skipped[0].to_string(), "45.88.186.70/32");
  EXPECT_EQ(feed.entries.at(prefix("204.76.203.125")).action, PW_ACTION_TAG);
  EXPECT_EQ(feed.entries.at(prefix("204.76.203.125")).tag_bits, PW_TAG_FEED);
  EXPECT_TRUE(seed_feed(false, FeedAction::kBlock, {}).entries.empty());
}

}  // namespace
}  // namespace probewall
