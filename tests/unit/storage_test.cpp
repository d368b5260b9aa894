// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "probewall/abi/maps.h"
#include "storage/decision_store.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;

class Storage : public testing::Test {
 protected:
  Storage() {
    std::string name = (fs::temp_directory_path() / "probewall-storage-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~Storage() override { fs::remove_all(directory_); }

  DecisionStore open(StoreOptions options = {}) {
    auto store = DecisionStore::open(directory_, options);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  std::string file() const { return directory_ + "/decisions.db"; }

  std::string directory_;
};

IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }

StoredDecision decision(std::uint32_t handle, const char* source,
                        std::int64_t made_at_us = 1'000'000) {
  StoredDecision d;
  d.handle = handle;
  d.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  d.source = prefix(source);
  d.origin = PW_ORIGIN_DETECTOR;
  d.made_at_us = made_at_us;
  d.until_us = made_at_us + 600'000'000;
  d.score = 130.5;
  d.reasons = {{"campaign.prompt", 100}, {"path.fan-out", 30.5}};
  d.aims = {Aim::kEndpointDiscovery, Aim::kOpenAccess};
  d.requests_seen = 3;
  d.evidence = {"GET /v1/models HTTP/1.1", std::string("POST /x\0'\"\x1b[31m", 16)};
  d.level = 2;
  return d;
}

TEST_F(Storage, ADecisionIsReadBackAsItWasStored) {
  auto store = open();
  auto stored = decision(7, "198.51.100.7");
  stored.note = "why not";
  ASSERT_TRUE(store.append(stored));

  const auto found = store.by_handle(7);

  ASSERT_TRUE(found && *found);
  const StoredDecision& d = **found;
  EXPECT_EQ(d.source, stored.source);
  EXPECT_EQ(d.id, stored.id);
  EXPECT_EQ(d.score, 130.5);
  ASSERT_EQ(d.reasons.size(), 2u);
  EXPECT_EQ(d.reasons[1].rule, "path.fan-out");
  EXPECT_EQ(d.reasons[1].points, 30.5);
  EXPECT_EQ(d.aims, stored.aims);
  EXPECT_EQ(d.evidence, stored.evidence) << "bytes from the wire stay as they came";
  EXPECT_EQ(d.level, 2u);
  EXPECT_EQ(d.note, "why not");
  EXPECT_EQ(d.until_us, stored.until_us);
  EXPECT_FALSE(d.unblocked_at_us);
}

TEST_F(Storage, LookUpBySourceFindsTheNewestOfExactlyThatPrefix) {
  auto store = open();
  ASSERT_TRUE(store.append(decision(1, "2001:db8:1:2::/64")));
  ASSERT_TRUE(store.append(decision(2, "2001:db8:1:2::/64")));
  ASSERT_TRUE(store.append(decision(3, "2001:db8:1::/48")));

  const auto found = store.latest_for(prefix("2001:db8:1:2::/64"));
  const auto other = store.latest_for(prefix("2001:db8:9:9::/64"));

  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->handle, 2u);
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other);
}

TEST_F(Storage, HandlesGoOnWhereTheyWereAfterReopening) {
  {
    auto store = open();
    EXPECT_EQ(store.next_handle().value(), 1u);
    ASSERT_TRUE(store.append(decision(41, "198.51.100.7")));
  }
  auto store = open();

  EXPECT_EQ(store.next_handle().value(), 42u);
}

TEST_F(Storage, HandleZeroIsNeverGivenOut) {
  auto store = open();
  ASSERT_TRUE(store.append(decision(UINT32_MAX, "198.51.100.7")));

  EXPECT_EQ(store.next_handle().value(), 1u);
}

TEST_F(Storage, BanHistoryCountsDetectorBansOnlyAndSurvivesPruning) {
  StoreOptions options;
  options.max_decisions = 2;
  auto store = open(options);
  for (std::uint32_t n = 1; n <= 5; ++n)
    ASSERT_TRUE(store.append(decision(n, "198.51.100.7", n * 1000)));
  auto by_operator = decision(6, "203.0.113.9");
  by_operator.origin = PW_ORIGIN_OPERATOR;
  ASSERT_TRUE(store.append(by_operator));
  auto observed = decision(7, "203.0.113.10");
  observed.action = Action::kObserve;
  ASSERT_TRUE(store.append(observed));

  const auto history = store.ban_history(100);

  ASSERT_TRUE(history);
  ASSERT_EQ(history->size(), 1u);
  EXPECT_EQ(history->front().source, prefix("198.51.100.7"));
  EXPECT_EQ(history->front().bans, 5u);
  EXPECT_EQ(history->front().last_at_us, 5000);
}

TEST_F(Storage, OldestRowsGoWhenTheBoundIsReached) {
  StoreOptions options;
  options.max_decisions = 100;
  options.max_history = 50;
  auto store = open(options);
  for (std::uint32_t n = 1; n <= 300; ++n) {
    const std::string source = "10.0." + std::to_string(n / 200) + "." + std::to_string(n % 200);
    ASSERT_TRUE(store.append(decision(n, source.c_str(), n)));
  }

  EXPECT_LE(store.recent(1000)->size(), 101u);
  EXPECT_EQ(store.recent(1)->front().handle, 300u);
  EXPECT_FALSE(store.by_handle(1).value()) << "the oldest went";
  EXPECT_LE(store.ban_history(1000)->size(), 51u);
  EXPECT_EQ(store.ban_history(1)->front().last_at_us, 300);
}

TEST_F(Storage, UnblockingMarksRunningDecisionsOfThatSource) {
  auto store = open();
  ASSERT_TRUE(store.append(decision(1, "198.51.100.7", 1'000'000)));
  ASSERT_TRUE(store.append(decision(2, "198.51.100.8", 1'000'000)));

  EXPECT_EQ(store.mark_unblocked(prefix("198.51.100.7"), 2'000'000, "operator").value(), 1u);
  EXPECT_EQ(store.mark_unblocked(prefix("198.51.100.7"), 3'000'000, "operator").value(), 0u);

  EXPECT_EQ((*store.by_handle(1))->unblocked_at_us, 2'000'000);
  EXPECT_EQ((*store.by_handle(1))->unblock_reason, "operator");
  EXPECT_FALSE((*store.by_handle(2))->unblocked_at_us);
  EXPECT_EQ(store.mark_all_unblocked(4'000'000, "flushed").value(), 1u);
  EXPECT_EQ((*store.by_handle(2))->unblock_reason, "flushed");
}

TEST_F(Storage, RunningDecisionsAreThoseInForceAndNotLiftedTheNewestFirst) {
  auto store = open();
  const char* const sources[] = {"198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"};
  for (std::uint32_t i = 0; i < 3; ++i)
    ASSERT_TRUE(store.append(decision(i + 1, sources[i], 1'000'000 + i * 100'000'000)));
  auto for_good = decision(4, sources[3], 1'000'000);
  for_good.until_us = kForever;
  ASSERT_TRUE(store.append(for_good));
  ASSERT_TRUE(store.mark_unblocked(prefix(sources[1]), 300'000'000, "operator"));

  const auto running = store.running(601'000'000, 10);  // the first one ends then

  ASSERT_TRUE(running);
  ASSERT_EQ(running->size(), 2u);
  EXPECT_EQ((*running)[0].source, prefix(sources[3]));
  EXPECT_EQ((*running)[1].source, prefix(sources[2]));
  EXPECT_EQ(store.running(601'000'000, 1)->size(), 1u);
}

TEST_F(Storage, EvidenceIsBounded) {
  auto store = open();
  auto large = decision(1, "198.51.100.7");
  large.evidence.assign(50, std::string(10000, 'x'));
  large.evidence.back() = "the last one";
  ASSERT_TRUE(store.append(large));

  const auto found = store.by_handle(1);

  ASSERT_EQ((*found)->evidence.size(), 8u);
  EXPECT_EQ((*found)->evidence.front().size(), 512u);
  EXPECT_EQ((*found)->evidence.back(), "the last one") << "the newest requests are kept";
}

TEST_F(Storage, CommittedRowsSurviveKill9) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = DecisionStore::open(directory_);
    for (std::uint32_t n = 1; store && n <= 100; ++n)
      (void)store->append(decision(n, "198.51.100.7"));
    (void)!write(ready[1], "x", 1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(ready[0]);
  close(ready[1]);

  auto store = open();

  EXPECT_EQ(store.recent(1000)->size(), 100u);
  EXPECT_EQ(store.ban_history(1)->front().bans, 100u);
  EXPECT_TRUE(store.warnings().empty());
}

TEST_F(Storage, AFileThatIsNoDatabaseIsMovedAsideWithAWarning) {
  std::ofstream(file()) << std::string(8192, 'z');

  auto store = open();

  ASSERT_EQ(store.warnings().size(), 1u);
  EXPECT_NE(store.warnings()[0].find(".corrupt-"), std::string::npos);
  ASSERT_TRUE(store.append(decision(1, "198.51.100.7")));
  unsigned kept = 0;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (entry.path().string().find(".corrupt-") != std::string::npos) ++kept;
  }
  EXPECT_EQ(kept, 1u);
}

TEST_F(Storage, ADamagedDatabaseIsMovedAsideWithAWarning) {
  {
    auto store = open();
    for (std::uint32_t n = 1; n <= 500; ++n) ASSERT_TRUE(store.append(decision(n, "198.51.100.7")));
  }
  const auto size = fs::file_size(file());
  ASSERT_GT(size, 32768u);
  {
    std::fstream damage(file(), std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(4096);
    damage << std::string(size - 8192, '\xff');
  }

  auto store = open();

  EXPECT_EQ(store.warnings().size(), 1u);
  EXPECT_TRUE(store.recent(10)->empty());
  ASSERT_TRUE(store.append(decision(1, "198.51.100.7")));
}

TEST_F(Storage, AFileOfANewerVersionIsLeftAlone) {
  { (void)open(); }
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);

  const auto store = DecisionStore::open(directory_);

  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("newer Probewall"), std::string::npos);
}

TEST_F(Storage, ReadOnlyLooksUpWhileTheWriterRunsAndCreatesNothing) {
  StoreOptions read_only;
  read_only.read_only = true;
  const auto missing = DecisionStore::open(directory_, read_only);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().errno_value, ENOENT);
  EXPECT_TRUE(fs::is_empty(directory_));
  auto writer = open();
  ASSERT_TRUE(writer.append(decision(1, "198.51.100.7")));

  auto reader = open(read_only);

  EXPECT_EQ((*reader.by_handle(1))->handle, 1u);
  EXPECT_FALSE(reader.append(decision(2, "198.51.100.7")));
  ASSERT_TRUE(writer.append(decision(3, "198.51.100.7")));
  EXPECT_EQ((*reader.latest_for(prefix("198.51.100.7")))->handle, 3u);
}

}  // namespace
}  // namespace probewall
