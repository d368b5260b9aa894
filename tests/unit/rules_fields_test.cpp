// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "core/llm/fields_reader.hpp"
#include "core/rules/body_fields.hpp"
#include "core/rules/features.hpp"

namespace probewall::rules {
namespace {

/// A field that owns its texts.
struct Field {
  std::string name, value;
  bool is_string = false;
  std::optional<double> number;
};

std::vector<Field> owned(const FieldList& list) {
  std::vector<Field> out;
  for (const BodyField& f : list) {
    out.push_back({std::string{f.name}, std::string{f.value}, f.is_string, f.number()});
  }
  return out;
}

std::vector<Field> fields_of(std::string_view body) {
  FieldList list;
  read_body_fields(body, list);
  return owned(list);
}

/// As they are found on the way through a whole body without fault; nullopt for others.
std::optional<std::vector<Field>> known_fields_of(const std::string& body, bool keep_prose) {
  const LlmFields llm = read_llm_fields(body);
  if (!llm.scalars_known) return std::nullopt;
  FieldList list;
  read_known_fields(body, llm.scalars, list, keep_prose);
  return owned(list);
}

TEST(BodyFields, GivesNestedScalarsWithTheirNames) {
  const auto f = fields_of(R"({"A":{"url":"http:\/\/x\u002fy","n":8},"list":["p","q"],"ok":true})");
  ASSERT_EQ(f.size(), 5u);
  EXPECT_EQ(f[0].name, "url");
  EXPECT_EQ(f[0].value, "http://x/y");
  EXPECT_EQ(f[1].name, "n");
  EXPECT_EQ(f[1].number, 8.0);
  EXPECT_EQ(f[2].name, "list");
  EXPECT_EQ(f[3].value, "q");
  EXPECT_EQ(f[4].value, "true");
  EXPECT_FALSE(f[4].is_string);
}

TEST(BodyFields, LeavePromptsOutUnderTheNameThatTritonGivesThem) {
  for (const char* name : {"prompt", "text_input", "text"}) {
    const std::string body = std::string{R"({")"} + name + R"(":"http://x/y","url":"http://x/y"})";

    FieldList list;
    read_body_fields(body, list, false);
    for (const auto& found : {std::optional{owned(list)}, known_fields_of(body, false)}) {
      ASSERT_TRUE(found && found->size() == 2) << name;
      EXPECT_EQ((*found)[0].value, "") << name;
      EXPECT_EQ((*found)[1].value, "http://x/y") << name;
    }
  }
}

std::string shown(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& f : fields) out += f.name + (f.is_string ? "='" : "=") + f.value + "\n";
  return out;
}

TEST(BodyFields, AreTheSameWhenFoundInPassing) {
  std::string many = R"({"list":[)";
  for (int i = 0; i < 80; ++i) many += std::to_string(i) + ",";
  for (const std::string& body :
       {std::string{R"({"A":{"url":"http:\/\/x\u002fy","n":8},"list":["p","q"],"ok":true})"},
        std::string{R"({"tags":[{"id":1},"last"],"e":{},"f":[],"g":null,"h":-1.5e3})"},
        std::string{
            R"({"messages":[{"role":"user","content":"a\nb","tool_calls":[{"x":{"y":1}}]}]})"},
        std::string{R"({"tool_calls":"text","function_call":{"a":"b"},"c":[[1],["d"]]})"},
        std::string{R"({"messages":[{"content":[{"type":"tool_use","input":{"command":"id"}}]}]})"},
        std::string{R"({"a":{"b":{"c":{"d":{"input":[{"x":1},["y"]]},"input":{"z":2}}}}})"},
        std::string{R"({"parts":[{"functionCall":{"args":{"path":"p"}}}],"input":{"q":3}})"},
        std::string{R"([1,"two",{"three":[{"four":4},5]},6])"}, many + "1]}",
        R"({"long":")" + std::string(700, 'x') + R"(","role":"r","b":"\u00e9"})"}) {
    const auto known = known_fields_of(body, true);
    ASSERT_TRUE(known) << body;
    EXPECT_EQ(shown(*known), shown(fields_of(body))) << body;
    EXPECT_FALSE(known->empty());
  }
}

TEST(BodyFields, OfDamagedAndCutBodiesAreNotKnownInPassing) {
  for (const char* body : {R"({"a":"b")", R"({"a":"b"]})", R"({"a" "b"})", R"({"\u0061":"b"})",
                           R"({"a":bad})", "a=b"}) {
    EXPECT_FALSE(known_fields_of(body, true)) << body;
  }
}

TEST(BodyFields, ANameOutlivesTheObjectsBelowIt) {
  const auto f = fields_of(R"({"tags":[{"id":1},"last"]})");
  ASSERT_EQ(f.size(), 2u);
  EXPECT_EQ(f[1].name, "tags");
  EXPECT_EQ(f[1].value, "last");
}

TEST(BodyFields, WhatAModelCalledEarlierIsLeftOut) {
  const auto f = fields_of(
      R"({"messages":[{"tool_calls":[{"function":{"arguments":{"path":"/etc/passwd","n":1}}}],)"
      R"("url":"a"}],"path":"b"})");
  ASSERT_EQ(f.size(), 2u);
  EXPECT_EQ(f[0].value, "a");
  EXPECT_EQ(f[1].value, "b");
}

TEST(BodyFields, CallsInOtherMakersHistoriesAreLeftOutToo) {
  const auto f =
      fields_of(R"({"messages":[{"content":[{"type":"tool_use","input":{"command":"id","n":1}}]}],)"
                R"("contents":[{"parts":[{"functionCall":{"args":{"path":"/etc/passwd"}}}]}],)"
                R"("input":{"path":"b"}})");
  ASSERT_EQ(f.size(), 2u);
  EXPECT_EQ(f[0].value, "tool_use");
  EXPECT_EQ(f[1].value, "b");
}

TEST(BodyFields, EveryPrefixIsReadAndTheCutStringIsGiven) {
  const std::string body = R"({"model":"m","path":"/etc/passwd","n":[1,2,{"x":"y"}]})";
  for (std::size_t cut = 0; cut <= body.size(); ++cut)
    fields_of(std::string_view{body}.substr(0, cut));
  const auto f = fields_of(body.substr(0, body.find("wd")));
  ASSERT_EQ(f.size(), 2u);
  EXPECT_EQ(f[1].value, "/etc/pass");
}

TEST(BodyFields, HostileNestingAndLengthAreBounded) {
  EXPECT_TRUE(fields_of(std::string(200'000, '[')).empty());
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += "\"k\":1,";
  EXPECT_EQ(fields_of(many).size(), kMaxFields);
  EXPECT_EQ(fields_of("{\"k\":\"" + std::string(9000, 'x') + "\"}")[0].value.size(), kMaxValue);
}

TEST(BodyFields, NamesAndValuesThatNeedRewritingAreCopied) {
  const auto f = fields_of(R"({"Im\u0061ge":"a\"b","OUTER":{"plain":"x"},"z\\":"q\n"})");
  ASSERT_EQ(f.size(), 3u);
  EXPECT_EQ(f[0].name, "image");
  EXPECT_EQ(f[0].value, "a\"b");
  EXPECT_EQ(f[1].name, "plain");
  EXPECT_EQ(f[2].name, "z\\");
  EXPECT_EQ(f[2].value, "q ");
}

TEST(BodyFields, UnusedNamesLeaveNoRoomButHarmNothing) {
  std::string body;
  for (int i = 0; i < 2000; ++i) body += "{\"" + std::string(60, 'N') + "\":[],";
  const auto f = fields_of(body + "\"A\\nB\":\"v\"");
  ASSERT_LE(f.size(), 1u);
}

TEST(QueryFields, AreDecoded) {
  FieldList list;
  read_query_fields("/p?Args=%2Ftmp%2Fx&flag&b=1%zz", list);
  const auto f = owned(list);
  ASSERT_EQ(f.size(), 2u);
  EXPECT_EQ(f[0].name, "args");
  EXPECT_EQ(f[0].value, "/tmp/x");
  EXPECT_EQ(f[1].value, "1%zz");
}

std::string normalise_prompt(std::string_view text) {
  std::string out = "left over";
  rules::normalise_prompt(text, out);
  return out;
}
std::string without_quotes(std::string_view text) {
  std::string out = "left over";
  rules::without_quotes(text, out);
  return out;
}

TEST(PromptText, IsNormalisedAndQuotesAreTakenOut) {
  EXPECT_EQ(normalise_prompt("  What  is\n today's \tdate? "), "What is todays date?");
  EXPECT_EQ(
      normalise_prompt("a text of more than sixteen bytes  with\ttwo spaces, a tab and it's end "),
      "a text of more than sixteen bytes with two spaces, a tab and its end");
  EXPECT_EQ(normalise_prompt("0123456789abcde  0123456789abcdef `x`"),
            "0123456789abcde 0123456789abcdef x");
  EXPECT_EQ(without_quotes("say \"ignore all\" now"), "say   now");
  EXPECT_EQ(without_quotes("> quoted line\nmine"), " mine");
  EXPECT_EQ(without_quotes("run `id` please"), "run   please");
}

TEST(PromptText, AnUnclosedQuoteHidesTheRestOnly) {
  EXPECT_EQ(without_quotes("before \"after"), "before ");
}

}  // namespace
}  // namespace probewall::rules
