// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "daemon/connection_ender.hpp"
#include "daemon/decision_desk.hpp"
#include "daemon/guard_mirror.hpp"
#include "daemon/request_memory.hpp"

namespace probewall {
namespace {

using guard::Note;
using guard::NoteType;

constexpr std::int64_t kNowUs = 1'767'052'800'000'000;
constexpr std::int64_t kBootUs = 5'000'000;

Note note(NoteType type, const char* prefix_text, std::uint64_t seconds = 0) {
  const auto prefix = *IpPrefix::parse(prefix_text);
  Note n;
  n.type = static_cast<std::uint32_t>(type);
  std::memcpy(n.address, prefix.address.bytes.data(), sizeof n.address);
  n.prefix_len = prefix.length;
  n.seconds = seconds;
  n.count = static_cast<std::uint32_t>(kBootUs / 1'000'000 + static_cast<std::int64_t>(seconds));
  n.action = PW_ACTION_DROP;
  return n;
}

TEST(EndedConnections, AreClaimedOnlyWhenEveryKnownOneEnded) {
  const auto none = tl::unexpected(Error{"end sockets", EPERM, ExitStatus::kFailed});
  EXPECT_EQ(ended_count(2u, ResetCount{1, 0}), 3u);
  EXPECT_EQ(ended_count(0u, ResetCount{}), 0u);
  EXPECT_EQ(ended_count(2u, ResetCount{1, 1}), guard::kNotEnded);
  EXPECT_EQ(ended_count(none, ResetCount{}), guard::kNotEnded)
      << "nothing forwarded, none destroyed";
  EXPECT_EQ(ended_count(2u, none), guard::kNotEnded);
}

TEST(GuardMirror, KnowsTheLongestEntryInForce) {
  GuardMirror mirror{true};
  mirror.apply(note(NoteType::kBanned, "198.51.100.0/24", guard::kForGood), kNowUs, kBootUs);
  mirror.apply(note(NoteType::kGranted, "198.51.100.7/32", 60), kNowUs, kBootUs);
  const auto address = *IpAddress::parse("198.51.100.7");
  EXPECT_EQ(mirror.match(address, kNowUs)->first.length, 32);
  EXPECT_EQ(mirror.match(address, kNowUs + 61'000'000)->first.length, 24)
      << "the longer one has run out";
}

TEST(GuardMirror, NarrowsABanToTheClientWhenItsPrefixHoldsAnAllowedAddress) {
  GuardMirror mirror{true};
  const auto source = *IpPrefix::parse("2001:db8:5::/64");
  const auto client = *IpAddress::parse("2001:db8:5::66");
  EXPECT_EQ(mirror.ban_target(source, client), source);
  mirror.apply(note(NoteType::kAllowed, "2001:db8:5::1"), kNowUs, kBootUs);
  EXPECT_EQ(mirror.ban_target(source, client).to_string(), "2001:db8:5::66/128");
  EXPECT_EQ(mirror.ban_target(source, *IpAddress::parse("2001:db8:5::1")), source)
      << "for the guard to refuse and count";
  mirror.apply(note(NoteType::kAllowed, "2001:db8::/32"), kNowUs, kBootUs);
  EXPECT_EQ(mirror.ban_target(source, client), source);
}

TEST(GuardMirror, PagesBansInPrefixOrder) {
  GuardMirror mirror{true};
  for (const char* p : {"198.51.100.3", "198.51.100.1", "198.51.100.2"}) {
    mirror.apply(note(NoteType::kBanned, p, 60), kNowUs, kBootUs);
  }
  const auto first = mirror.page(std::nullopt, 2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].first.to_string(), "198.51.100.1/32");
  const auto second = mirror.page(first[1].first, 2);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].first.to_string(), "198.51.100.3/32");
}

TEST(GuardMirror, FlushGivesBackEveryEntryItRemoves) {
  GuardMirror mirror{true};
  mirror.apply(note(NoteType::kBanned, "198.51.100.3", 60), kNowUs, kBootUs);
  mirror.apply(note(NoteType::kBanned, "2001:db8::/64", 60), kNowUs, kBootUs);
  Note flush;
  flush.type = static_cast<std::uint32_t>(NoteType::kUnbanned);
  flush.prefix_len = guard::kEveryPrefix;
  EXPECT_EQ(mirror.apply(flush, kNowUs, kBootUs).size(), 2u);
  EXPECT_EQ(mirror.size(), 0u);
}

TEST(GuardMirror, FollowsTheAllowSet) {
  GuardMirror mirror{true};
  auto allowed = note(NoteType::kAllowed, "192.0.2.0/24");
  allowed.action = PW_ALLOW_ALL;
  allowed.origin = PW_ALLOW_OPERATOR;
  mirror.apply(allowed, kNowUs, kBootUs);
  EXPECT_EQ(mirror.allowed(*IpPrefix::parse("192.0.2.5"))->second.reason, PW_ALLOW_OPERATOR);
  mirror.apply(note(NoteType::kDisallowed, "192.0.2.0/24"), kNowUs, kBootUs);
  EXPECT_FALSE(mirror.allowed(*IpPrefix::parse("192.0.2.5")));
}

TEST(GuardMirror, IsWholeOnlyOnceItWasToldToTheEnd) {
  Note begins, ends;
  begins.type = ends.type = static_cast<std::uint32_t>(NoteType::kRetelling);
  begins.count = 1;
  GuardMirror mirror{true};
  EXPECT_FALSE(mirror.whole());
  for (int i = 0; i < 2; ++i) {
    mirror.apply(begins, kNowUs, kBootUs);
    mirror.apply(note(NoteType::kBanned, "198.51.100.7/32", 60), kNowUs, kBootUs);
    EXPECT_FALSE(mirror.whole());
    mirror.apply(ends, kNowUs, kBootUs);
    EXPECT_TRUE(mirror.whole());
  }
}

TEST(RequestMemory, KeepsTheLastLinesOfTheSourcesSeenLast) {
  RequestMemory memory{2};
  const auto a = *IpPrefix::parse("192.0.2.1"), b = *IpPrefix::parse("192.0.2.2"),
             c = *IpPrefix::parse("192.0.2.3");
  for (int i = 0; i < 12; ++i) memory.remember(a, "GET /" + std::to_string(i));
  memory.remember(b, "GET /b");
  memory.remember(a, std::string(1000, 'x'));
  memory.remember(c, "GET /c");
  ASSERT_EQ(memory.lines(a).size(), RequestMemory::kLines);
  EXPECT_EQ(memory.lines(a).front(), "GET /5");
  EXPECT_EQ(memory.lines(a).back().size(), RequestMemory::kLineBytes);
  EXPECT_TRUE(memory.lines(b).empty()) << "the source seen least recently went";
  EXPECT_EQ(memory.lines(c).size(), 1u);
}

class Desk : public testing::Test {
 protected:
  Desk()
      : metrics_({"test", "", {}, {}, 100}),
        recorder_({}, metrics_, tail_),
        desk_(recorder_, [this](const guard::Wish& wish) {
          if (full_) return false;
          wishes_.push_back(wish);
          return true;
        }) {}

  Decision decision() const {
    Decision d;
    d.id = "00000000000000000000000001";
    d.source = d.scored = *IpPrefix::parse("198.51.100.7");
    d.duration = std::chrono::milliseconds{1500};
    d.score = 120;
    return d;
  }
  std::vector<std::string> lines() {
    return tail_.read(0, 100, std::chrono::milliseconds{0}).lines;
  }
  Note answer(NoteType type) const {
    auto n = note(type, "198.51.100.7", 2);
    n.handle = wishes_.back().handle;
    return n;
  }

  Metrics metrics_;
  EventTail tail_;
  Recorder recorder_;
  std::vector<guard::Wish> wishes_;
  bool full_ = false;
  DecisionDesk desk_;
};

TEST_F(Desk, AsksTheGuardForWholeSecondsRoundedUp) {
  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  ASSERT_EQ(wishes_.size(), 1u);
  EXPECT_EQ(wishes_[0].seconds, 2u);
  EXPECT_EQ(wishes_[0].prefix_len, 32u);
  EXPECT_EQ(wishes_[0].action, PW_ACTION_DROP);
  EXPECT_NE(wishes_[0].handle, 0u);
  EXPECT_TRUE(lines().empty()) << "nothing is claimed before the table is written";
}

TEST_F(Desk, WritesTheEventOnceReactionAndEndedConnectionsAreKnown) {
  ASSERT_TRUE(desk_.submit(decision(), {1'000'000, 1'050'000, 1'100'000, 0}, true));
  auto granted = answer(NoteType::kGranted);
  granted.time_ns = 1'250'000;
  desk_.on_granted(granted);
  EXPECT_TRUE(lines().empty());
  auto ended = answer(NoteType::kEnded);
  ended.count = 3;
  desk_.on_ended(ended);
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_NE(lines()[0].find("\"reaction_us\":250,\"connections_ended\":3"), std::string::npos)
      << lines()[0];
  EXPECT_EQ(desk_.take_rows().size(), 1u);
  EXPECT_EQ(*desk_.outcome(wishes_[0].handle)->reaction_us, 250);
}

TEST_F(Desk, WritesTheEventWithoutConnectionsWhenNobodyReportsThem) {
  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  desk_.on_granted(answer(NoteType::kGranted));
  desk_.expire(0);
  EXPECT_TRUE(lines().empty());
  desk_.expire(UINT64_MAX);
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_NE(lines()[0].find("\"connections_ended\":null"), std::string::npos) << lines()[0];
}

TEST_F(Desk, RefusedDecisionLeavesNoEventAndNamesItsSource) {
  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  const auto source = desk_.on_refused(answer(NoteType::kRefused));
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->to_string(), "198.51.100.7/32");
  EXPECT_TRUE(lines().empty());
  EXPECT_TRUE(desk_.take_rows().empty());
}

TEST_F(Desk, RefusalIsKnownUntilABanIsGranted) {
  const auto source = decision().source;
  EXPECT_FALSE(desk_.refused(source).has_value());
  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  auto refused = answer(NoteType::kRefused);
  refused.reason = static_cast<std::uint32_t>(guard::Refusal::kAllowed);
  desk_.on_refused(refused);
  ASSERT_TRUE(desk_.refused(source).has_value());
  EXPECT_EQ(desk_.refused(source)->reason, guard::Refusal::kAllowed);
  EXPECT_EQ(desk_.refused(source)->score, 120);

  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  desk_.on_granted(answer(NoteType::kGranted));

  EXPECT_FALSE(desk_.refused(source).has_value());
}

TEST_F(Desk, OperatorsReasonIsStored) {
  auto banned = note(NoteType::kBanned, "198.51.100.7", guard::kForGood);
  banned.origin = PW_ORIGIN_OPERATOR;
  std::strcpy(banned.text, "too many pings");

  desk_.on_operator_ban(banned, true);

  const auto rows = desk_.take_rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].note, "too many pings");
  EXPECT_EQ(rows[0].origin, PW_ORIGIN_OPERATOR);
  EXPECT_EQ(rows[0].source.to_string(), "198.51.100.7/32");
}

TEST_F(Desk, OperatorsBanIsAnEventWithOriginAndReason) {
  auto banned = note(NoteType::kBanned, "198.51.100.7", guard::kForGood);
  banned.origin = PW_ORIGIN_OPERATOR;
  std::strcpy(banned.text, "too \"many\" pings");
  auto brief = note(NoteType::kBanned, "2001:db8:5::/64", 60);
  brief.origin = PW_ORIGIN_OPERATOR;

  desk_.on_operator_ban(banned, true);
  desk_.on_operator_ban(brief, false);

  ASSERT_EQ(lines().size(), 2u);
  const auto has = [&](std::size_t line, const char* words) {
    return lines()[line].find(words) != std::string::npos;
  };
  EXPECT_TRUE(has(0, R"("type":"decision","source":"198.51.100.7/32","id":null,"action":"block")"))
      << lines()[0];
  EXPECT_TRUE(has(0, R"("until":null,"score":0,"rules":[],"points":[],"aims":[])")) << lines()[0];
  EXPECT_TRUE(has(0, R"("origin":"operator","note":"too \"many\" pings"})")) << lines()[0];
  EXPECT_TRUE(has(1, R"("source":"2001:db8:5::/64","id":null,"action":"observe","until":"1)"))
      << lines()[1];
  EXPECT_TRUE(has(1, R"("origin":"operator","note":null})")) << lines()[1];
  EXPECT_EQ(desk_.take_rows().size(), 2u) << "also without a reason: it is put back from here";
}

TEST_F(Desk, ObserveModeWritesAtOnceAndAsksNobody) {
  ASSERT_TRUE(desk_.submit(decision(), {}, false));
  EXPECT_TRUE(wishes_.empty());
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_NE(lines()[0].find("\"action\":\"observe\""), std::string::npos) << lines()[0];
}

TEST_F(Desk, ObservedDecisionsThatWouldStillRunAreGivenBackForTheirRest) {
  auto running = decision();
  running.time = Timestamp{std::chrono::seconds{10}};
  running.duration = std::chrono::seconds{100};
  auto over = decision();
  over.source = *IpPrefix::parse("198.51.100.8");
  over.time = Timestamp{std::chrono::seconds{10}};
  over.duration = std::chrono::seconds{5};
  ASSERT_TRUE(desk_.submit(running, {}, false));
  ASSERT_TRUE(desk_.submit(over, {}, false));

  const auto observed = desk_.take_observed(Timestamp{std::chrono::seconds{50}});

  ASSERT_EQ(observed.size(), 1u);
  EXPECT_EQ(observed[0].source, running.source);
  EXPECT_EQ(observed[0].action, Action::kBlock);
  EXPECT_EQ(observed[0].duration, std::chrono::seconds{60});
  EXPECT_TRUE(desk_.take_observed(Timestamp{std::chrono::seconds{50}}).empty());
}

TEST_F(Desk, FullSocketIsReportedSoThatTheSourceIsJudgedAgain) {
  full_ = true;
  EXPECT_FALSE(desk_.submit(decision(), {}, true));
}

TEST_F(Desk, HandlesGoOnFromTheStoreAndSkipZero) {
  desk_.skip_handles(UINT32_MAX);
  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  ASSERT_TRUE(desk_.submit(decision(), {}, true));
  EXPECT_EQ(wishes_[0].handle, UINT32_MAX);
  EXPECT_EQ(wishes_[1].handle, 1u);
}

}  // namespace
}  // namespace probewall
