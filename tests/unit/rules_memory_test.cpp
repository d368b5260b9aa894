// SPDX-License-Identifier: Apache-2.0
// The bound on what is remembered of sources.
#include <gtest/gtest.h>
#include <malloc.h>

#include <map>
#include <random>

#include "core/rules/source_list.hpp"
#include "unit/rules_sessions.hpp"

namespace probewall::rules {
namespace {

IpPrefix address(std::uint32_t i) {
  return source_of(IpAddress::from_v4(0x0a000000u + i * 2654435761u), 64);
}

/// What the allocator has given out and not got back; 0 where it does not say (sanitizers).
std::size_t heap_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void remember_values(SourceList& list, SourceMemory& memory, int facts, int values) {
  Fact fact;
  fact.capacity = 64;
  fact.keep_ds = 1'000'000;
  const std::size_t before = memory.heap_bytes();
  for (int f = 0; f < facts; ++f) {
    for (int v = 0; v < values; ++v) {
      memory.remember(fact, static_cast<std::uint16_t>(f), static_cast<std::uint32_t>(v) + 1, 5);
    }
  }
  list.account(memory, before);
}

TEST(SourceMemoryBound, AMillionSourcesOfAScanFitInto256MiB) {
  constexpr std::uint32_t kMillion = 1u << 20;
  const std::size_t before = heap_in_use();
  SourceList list{kMillion};
  for (std::uint32_t i = 0; i < kMillion; ++i) {
    remember_values(list, list.touch(address(i), i / 100), 12, 1);
  }
  EXPECT_EQ(list.size(), kMillion);
  EXPECT_EQ(list.evicted(), 0u);
  EXPECT_LE(list.bytes(), std::uint64_t{256} << 20);
  EXPECT_LE(heap_in_use() - before + list.paged_bytes(), std::size_t{256} << 20)
      << "what list.bytes() does not count";
  EXPECT_NE(list.find(address(0)), nullptr);
}

TEST(SourceMemoryBound, SourcesThatNeedMoreAreFewer) {
  SourceList list{10'000};
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    remember_values(list, list.touch(address(i), i), 40, 8);
    ASSERT_LE(list.bytes(), list.max_bytes());
  }
  EXPECT_LT(list.size(), 2'000u);
  EXPECT_EQ(list.size() + list.evicted(), 20'000u);
  EXPECT_NE(list.find(address(19'999)), nullptr);
}

TEST(SourceMemoryBound, TheSuspiciousStayWhenManyOrdinaryOnesNeedMemory) {
  SourceList list{1000};
  for (std::uint32_t i = 0; i < 50; ++i) {
    list.set_standing(list.touch(address(i), 0), Standing::kSuspicious);
  }
  for (std::uint32_t i = 50; i < 5000; ++i) {
    SourceMemory& memory = list.touch(address(i), i);
    list.set_standing(memory, Standing::kPlain);
    remember_values(list, memory, 30, 4);
  }
  for (std::uint32_t i = 0; i < 50; ++i) EXPECT_NE(list.find(address(i)), nullptr) << i;
  EXPECT_GT(list.evicted(), 4000u);
}

TEST(SourceMemoryBound, EverySourceIsFoundWhateverCameAndWent) {
  SourceList list{500};
  std::mt19937 random{1};
  std::map<std::uint32_t, std::uint32_t> first_seen;  // of sources in the table, as far as we know
  for (std::uint32_t step = 0; step < 50'000; ++step) {
    const std::uint32_t who = random() % 900;
    const bool known = list.find(address(who)) != nullptr;
    SourceMemory& memory = list.touch(address(who), step);
    if (!known) first_seen[who] = step;
    ASSERT_EQ(memory.first_ds, first_seen[who]);
    ASSERT_EQ(memory.source, address(who));
    list.set_standing(memory, static_cast<Standing>(random() % 3));
    ASSERT_LE(list.size(), 500u);
  }
  std::uint64_t seen = 0;
  list.for_each([&](const SourceMemory& memory) {
    ++seen;
    EXPECT_EQ(list.find(memory.source), &memory);
  });
  EXPECT_EQ(seen, list.size());
}

}  // namespace
}  // namespace probewall::rules

namespace probewall::test {
namespace {

TEST(SourceTableBound, AFloodOfNewSourcesIsEvictedAndCountedAndAnEarlyScannerIsStillKnown) {
  Judge judge{shipped_rules(), PolicyConfig{}, 2000};
  judge.feed(get("/lmstudio-greeting", 404), "203.0.113.1");
  for (int i = 0; i < 20'000; ++i) {
    judge.feed(get("/"), IpAddress::from_v4(0x0b000000u + static_cast<unsigned>(i)).to_string());
  }
  EXPECT_LE(judge.table.size(), 2000u);
  EXPECT_EQ(judge.table.size() + judge.table.evicted(), 20'001u);
  const auto report = judge.table.report(*IpPrefix::parse("203.0.113.1"), Judge::time(1));
  EXPECT_EQ(report.requests, 1u);
}

}  // namespace
}  // namespace probewall::test
