// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "control/api_json.hpp"
#include "control/event_tail.hpp"

namespace probewall {
namespace {

using namespace std::chrono_literals;

TEST(EventTail, ReadsFromTheOldestAndThenOnlyWhatIsNew) {
  EventTail tail;
  tail.push("{\"n\":1}\n");
  tail.push("{\"n\":2}");

  const auto first = tail.read(0, 10, 0ms);
  tail.push("{\"n\":3}");
  const auto second = tail.read(first.next, 10, 0ms);

  EXPECT_EQ(first.lines, (std::vector<std::string>{"{\"n\":1}", "{\"n\":2}"}));
  EXPECT_EQ(second.lines, std::vector<std::string>{"{\"n\":3}"});
}

TEST(EventTail, AReaderThatFallsBehindIsToldHowManyLinesItMissed) {
  EventTail tail(3);
  tail.push("1");
  const auto first = tail.read(0, 10, 0ms);
  for (const char* line : {"2", "3", "4", "5", "6"}) tail.push(line);

  const auto second = tail.read(first.next, 10, 0ms);

  EXPECT_EQ(second.lost, 2u);
  EXPECT_EQ(second.lines, (std::vector<std::string>{"4", "5", "6"}));
  EXPECT_EQ(tail.lost_total(), 2u);
}

TEST(EventTail, KeepsWithinItsBytes) {
  EventTail tail(1000, 100);
  for (int i = 0; i < 50; ++i) tail.push(std::string(40, 'x'));

  EXPECT_EQ(tail.read(0, 1000, 0ms).lines.size(), 2u);
}

TEST(EventTail, AWaitingReaderIsWokenByALineAndByClosing) {
  EventTail tail;
  EventTail::Batch got;
  std::thread reader([&] { got = tail.read(0, 10, 1h); });
  tail.push("line");
  reader.join();
  EXPECT_EQ(got.lines.size(), 1u);

  std::thread waiting([&] { got = tail.read(got.next, 10, 1h); });
  tail.close();
  waiting.join();
  EXPECT_TRUE(got.lines.empty());
}

TEST(ApiJson, WireTextCannotBreakOutOfItsString) {
  ApiWhy why;
  why.ip = *IpAddress::parse("198.51.100.7");
  why.source = *IpPrefix::parse("198.51.100.7");
  why.requests = {"GET /\"},{\x1b[2J\xff\n"};

  const std::string json = to_json(why);

  EXPECT_EQ(json.find('\x1b'), std::string::npos);
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_NE(json.find(R"(GET /\"},{)"), std::string::npos);
}

TEST(ApiJson, AnEndlessBanHasNullForItsEnd) {
  ApiBan ban;
  ban.source = *IpPrefix::parse("198.51.100.7");
  ban.action = "block";
  ban.origin = "operator";
  ban.until_us = kNoEnd;
  ban.seconds_left = UINT64_MAX;

  EXPECT_EQ(
      to_json(ban),
      R"({"source":"198.51.100.7/32","action":"block","origin":"operator","note":null,"until":null,)"
      R"("seconds_left":null,"handle":0,"id":null,"rules":[],"score":0})");
}

TEST(ApiJson, TimesAreUtcWithMicroseconds) {
  EXPECT_EQ(rfc3339(1767773350123456), "2026-01-07T08:09:10.123456Z");
}

}  // namespace
}  // namespace probewall
