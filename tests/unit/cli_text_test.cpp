// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/table.hpp"
#include "cli/text.hpp"

namespace probewall::cli {
namespace {

TEST(Sanitize, ShowsWhatATerminalWouldActOn) {
  EXPECT_EQ(sanitize("plain"), "plain");
  EXPECT_EQ(sanitize("\x1b[31mred\a\r\n\t"), "\\x1b[31mred\\x07\\r\\n\\t");
  EXPECT_EQ(sanitize("\xc2\x9b"
                     "31m"),
            "\\u{009b}31m")
      << "C1: a control sequence introducer of one character";
  EXPECT_EQ(sanitize("a\xe2\x80\xae"
                     "b"),
            "a\\u{202e}b")
      << "right-to-left override";
  EXPECT_EQ(sanitize("\xff\xc0\x80"), "\\xff\\xc0\\x80") << "not UTF-8";
  EXPECT_EQ(sanitize("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Sanitize, CutsAtACharacter) { EXPECT_EQ(sanitize("\xc3\xbc\xc3\xbc", 3), "\xc3\xbc..."); }

TEST(Table, AlignsByCharactersNotBytes) {
  Table table({"A", ">B", "C"});
  table.row({"\xc3\xbc", "1", "x"});
  table.row({"yy", "100", ""});

  EXPECT_EQ(table.text(), "A     B  C\n\xc3\xbc     1  x\nyy  100\n");
}

TEST(Numbers, AreWrittenForPeople) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(points(100), "100");
  EXPECT_EQ(points(12.5), "12.5");
  EXPECT_EQ(short_time(582), "9m42s");
  EXPECT_EQ(short_time(90061), "1d1h");
}

}  // namespace
}  // namespace probewall::cli
