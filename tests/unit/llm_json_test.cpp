// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "core/llm/json_text.hpp"

namespace probewall {
namespace {

std::string read(std::string_view text, std::size_t limit = 1024) {
  std::string out;
  read_json_string(text, 0, limit, out);
  return out;
}

TEST(JsonString, UnescapesToUtf8) {
  EXPECT_EQ(read(R"(a\"b\\c\/d\n\t\r\b\f")"), "a\"b\\c/d\n\t\r\b\f");
  EXPECT_EQ(read(R"(caf\u00e9 \u4e2d")"), "caf\xc3\xa9 \xe4\xb8\xad");
  EXPECT_EQ(read(R"(\ud83d\ude00")"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(read(R"(a\u0000b")"), std::string("a\0b", 3));
}

TEST(JsonString, ReplacesLoneSurrogatesAndInvalidBytes) {
  EXPECT_EQ(read(R"(x\ud83dy")"), "x\xEF\xBF\xBDy");
  EXPECT_EQ(read(R"(x\ude00y")"), "x\xEF\xBF\xBDy");
  EXPECT_EQ(read("x\xffy\""), "x\xEF\xBF\xBDy");
  EXPECT_EQ(read("x\xc0\xafy\""), "x\xEF\xBF\xBD\xEF\xBF\xBDy");
  EXPECT_EQ(read("\xed\xa0\x80\""), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(JsonString, CutTextKeepsWholeCharacters) {
  EXPECT_EQ(read("ab\xe4\xb8"), "ab");
  EXPECT_EQ(read(R"(ab\u4e)"), "ab");
  EXPECT_EQ(read("ab\\"), "ab");
  EXPECT_EQ(read("abc\xc3\xa9\"", 4), "abc");
  EXPECT_EQ(read("abc\xc3\xa9\"", 5), "abc\xc3\xa9");
}

TEST(JsonString, EndIsFoundBehindEscapedQuotes) {
  for (const std::size_t pad : {0u, 5u, 14u, 15u, 16u, 17u, 40u}) {
    const std::string text = std::string(pad, 'x') + R"(\"\\" tail)";
    std::string out;
    EXPECT_EQ(skip_json_string(text, 0).pos, pad + 5);
    EXPECT_EQ(read_json_string(text, 0, 1024, out).pos, pad + 5);
    EXPECT_EQ(out, std::string(pad, 'x') + "\"\\");
  }
}

struct EndCase {
  std::string text;
  std::size_t end;
};

class JsonEnds : public ::testing::TestWithParam<EndCase> {};

TEST_P(JsonEnds, AreFoundWhereverTheTextIsCut) {
  const EndCase& c = GetParam();
  for (std::size_t cut = 0; cut <= c.text.size(); ++cut) {
    JsonEnd end;
    std::size_t at = end.feed(std::string_view{c.text}.substr(0, cut));
    if (at == JsonEnd::npos) {
      at = end.feed(std::string_view{c.text}.substr(cut));
      if (at != JsonEnd::npos) at += cut;
    }
    EXPECT_EQ(at, c.end) << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Texts, JsonEnds,
    ::testing::Values(EndCase{"{}", 2}, EndCase{" \r\n{\"a\":[1,{}]} x", 15},
                      EndCase{"\xEF\xBB\xBF[1]", 6}, EndCase{R"({"a":"}"}z)", 9},
                      EndCase{R"({"a":"\"}"}z)", 11}, EndCase{R"({"a":"\\"}z)", 10},
                      EndCase{"{", JsonEnd::npos}, EndCase{"{\"a", JsonEnd::npos},
                      EndCase{"hello {}", JsonEnd::npos}, EndCase{"", JsonEnd::npos}));

}  // namespace
}  // namespace probewall
