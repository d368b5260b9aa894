// SPDX-License-Identifier: Apache-2.0
// The program without a daemon: from the pinned tables alone. Needs root and a bpf file system of
// its own.
#include <sys/mount.h>

#include "config/config.hpp"
#include "dataplane/block_table.hpp"
#include "dataplane/dataplane.hpp"
#include "dataplane/kernel_clock.hpp"
#include "storage/decision_store.hpp"
#include "unit/cli_run.hpp"

namespace probewall {
namespace {

using test::CliResult;
using test::TempDirectory;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Pinned tables as a daemon that was killed leaves them.
class DeadDaemon : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(directory_.file("bpf"));
    ASSERT_EQ(mount("bpf", directory_.file("bpf").c_str(), "bpf", 0, nullptr), 0) << "needs root";
    mounted_ = true;
    config_.paths.pin_directory = directory_.file("bpf") + "/probewall";
    config_.storage.directory = directory_.file("state");
    const auto dataplane = Dataplane::open(config_);
    ASSERT_TRUE(dataplane) << dataplane.error().message;
    const auto settings = settings_from(config_, std::nullopt);
    ASSERT_TRUE(settings && (*dataplane)->set_settings(*settings));
    block("198.51.100.7", 41);
    store(41, "198.51.100.7");
  }
  void TearDown() override {
    if (mounted_) umount2(directory_.file("bpf").c_str(), MNT_DETACH);
  }

  void block(const char* prefix, std::uint32_t handle) {
    auto table = BlockTable::open(config_.paths.pin_directory, false);
    ASSERT_TRUE(table) << table.error().message;
    pw_block_entry entry{};
    entry.expires_s = boottime_seconds() + 600;
    entry.handle = handle;
    entry.action = PW_ACTION_DROP;
    ASSERT_TRUE(table->put(*IpPrefix::parse(prefix), entry));
  }
  void store(std::uint32_t handle, const char* source) {
    auto store = DecisionStore::open(config_.storage.directory);
    ASSERT_TRUE(store);
    StoredDecision d;
    d.handle = handle;
    d.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    d.source = *IpPrefix::parse(source);
    d.made_at_us = 1767772750123456;
    d.until_us = INT64_MAX - 1;
    d.score = 130;
    d.reasons = {{"campaign.prompt", 130}};
    d.evidence = {"POST /v1/chat/completions HTTP/1.1"};
    ASSERT_TRUE(store->append(d));
  }
  CliResult run(const std::string& arguments, const std::string& prefix = "") {
    return test::run_cli(directory_,
                         "--socket " + directory_.file("none.sock") + " --pin-directory " +
                             config_.paths.pin_directory + " --storage-directory " +
                             config_.storage.directory + " " + arguments,
                         prefix);
  }

  TempDirectory directory_;
  Config config_;
  bool mounted_ = false;
};

TEST_F(DeadDaemon, StatusTellsThePinnedStateAndSaysPlainlyThatNothingRuns) {
  const auto result = run("status");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "probewalld is not running")) << result.err;
  EXPECT_TRUE(contains(result.out, "Bans in force     1 (1 in the kernel's tables)")) << result.out;
}

TEST_F(DeadDaemon, WhyHasTheReasonsFromTheStore) {
  const auto blocked = run("why 198.51.100.7");
  const auto other = run("why 203.0.113.1");

  EXPECT_EQ(blocked.status, 0) << blocked.err;
  EXPECT_TRUE(contains(blocked.out, "198.51.100.7 is blocked until ")) << blocked.out;
  EXPECT_TRUE(contains(blocked.out, "+130  campaign.prompt"));
  EXPECT_TRUE(contains(blocked.out, "POST /v1/chat/completions HTTP/1.1"));
  EXPECT_EQ(other.status, 10);
}

TEST_F(DeadDaemon, BansAreListedDeletedAndFlushed) {
  block("203.0.113.0/24", 42);

  EXPECT_TRUE(contains(run("bans list").out, "198.51.100.7/32  block   detector"));
  EXPECT_EQ(run("bans del 198.51.100.7").out, "198.51.100.7/32 is no longer blocked.\n");
  EXPECT_EQ(run("why 198.51.100.7").status, 10);
  EXPECT_EQ(run("bans del 198.51.100.7").status, 0) << "absent already";
  EXPECT_EQ(run("bans flush").out, "Removed 1 ban.\n");
  EXPECT_EQ(run("bans list").out, "No source is blocked.\n");
  StoreOptions read_only;
  read_only.read_only = true;
  const auto store = DecisionStore::open(config_.storage.directory, read_only);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store->by_handle(41))->unblock_reason, "operator");
}

TEST_F(DeadDaemon, DeletingABanNamesTheWiderOneThatStillBlocks) {
  block("198.51.100.0/24", 42);
  const std::string rest =
      ", but 198.51.100.0/24 still blocks it. Undo: probewall bans del 198.51.100.0/24\n";

  EXPECT_EQ(run("bans del 198.51.100.7").out,
            "198.51.100.7/32 has no ban of its own any more" + rest);
  EXPECT_EQ(run("bans del 198.51.100.8").out, "198.51.100.8/32 has no ban of its own" + rest);
  EXPECT_EQ(run("bans del 198.51.100.0/24").out, "198.51.100.0/24 is no longer blocked.\n");
}

TEST_F(DeadDaemon, DetachRemovesThePinsAndIsRepeatable) {
  EXPECT_EQ(run("detach").status, 0);

  const auto gone = run("status");

  EXPECT_EQ(gone.status, 3) << "nothing pinned, nothing running";
  EXPECT_EQ(run("detach").status, 0) << "detaching what is absent succeeds";
}

TEST_F(DeadDaemon, WhatNeedsTheDaemonExits3) {
  for (const char* command :
       {"bans add 203.0.113.9", "allow list", "events", "sources top", "enforce on"}) {
    const auto result = run(command);
    EXPECT_EQ(result.status, 3) << command;
    EXPECT_TRUE(contains(result.err, "probewalld is not running")) << command;
  }
}

TEST_F(DeadDaemon, OthersThanRootAreToldThatItIsNotRunning) {
  std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);

  const auto result = run("status", "setpriv --reuid 65534 --regid 65534 --clear-groups");

  EXPECT_EQ(result.status, 3) << result.out;
}

TEST_F(DeadDaemon, ASocketThatMayNotBeOpenedExits4) {
  test::FixedSource source;
  EventTail tail;
  ApiServer server(source, tail);
  ASSERT_TRUE(server.bind_unix(directory_.file("control.sock"), static_cast<gid_t>(-1)));
  server.start();
  std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);

  const auto result =
      test::run_cli(directory_, "--socket " + directory_.file("control.sock") + " status",
                    "setpriv --reuid 65534 --regid 65534 --clear-groups");

  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_TRUE(contains(result.err, "group probewall"));
}

}  // namespace
}  // namespace probewall
