// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "config/units.hpp"

namespace probewall {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("90"), 90s);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("10m"), 10min);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("30d"), 720h);
  EXPECT_EQ(parse_duration("2w"), 336h);
}

TEST(ParseDuration, RefusesWhatIsNone) {
  for (const char* text :
       {"", "m", "10x", "10 m", "-5m", "1h2h", "10m5", "1.5h", "99999999999999999999s", "10001d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ReadDuration, TellsTooLongFromWhatIsNone) {
  EXPECT_EQ(read_duration("10000d"), kLongestDuration);
  for (const char* text : {"10001d", "99999999999999999999s", "5000d5000w"})
    EXPECT_EQ(read_duration(text), tl::unexpected(DurationFault::kTooLong)) << text;
  for (const char* text : {"99999d soon", "9999d2d1w"})
    EXPECT_EQ(read_duration(text), tl::unexpected(DurationFault::kNoDuration)) << text;
}

TEST(FormatDuration, IsReadBackToTheSame) {
  for (const auto duration : {std::chrono::nanoseconds{0}, std::chrono::nanoseconds{1500ms},
                              std::chrono::nanoseconds{90min}, std::chrono::nanoseconds{720h},
                              std::chrono::nanoseconds{3661s}}) {
    EXPECT_EQ(parse_duration(format_duration(duration)), duration) << format_duration(duration);
  }
  EXPECT_EQ(format_duration(90min), "1h30m");
}

TEST(ParseSize, ReadsPowersOf1024) {
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("4k"), 4096u);
  EXPECT_EQ(parse_size("64MiB"), 64u << 20);
  EXPECT_EQ(parse_size("1 GB"), 1u << 30);
  for (const char* text : {"", "k", "4x", "4kk", "-1", "99999999999T"})
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(FormatSize, IsReadBackToTheSame) {
  for (const std::uint64_t size : {0ull, 1000ull, 4096ull, 64ull << 20, 3ull << 40}) {
    EXPECT_EQ(parse_size(format_size(size)), size);
  }
}

TEST(EditDistance, CountsASwapAsOne) {
  EXPECT_EQ(edit_distance("frist", "first"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
}

TEST(NearestWord, FindsNothingForANonsenseWord) {
  const std::vector<std::string> words{"threshold", "first"};
  EXPECT_EQ(nearest_word("treshold", words), "threshold");
  EXPECT_EQ(nearest_word("zzzzzz", words), "");
}

}  // namespace
}  // namespace probewall
