// SPDX-License-Identifier: Apache-2.0
// The rule language: what is refused, and what the refusal says.
#include <gtest/gtest.h>

#include "unit/rules_sessions.hpp"

namespace probewall::test {
namespace {

std::string error_of(const std::string& yaml, const std::vector<std::string>& disabled = {},
                     const std::vector<std::string>& shadow = {}) {
  const auto result = RuleSet::compile({{"t.yaml", yaml}}, disabled, shadow);
  if (result) return "compiled";
  EXPECT_EQ(result.error().status, ExitStatus::kConfigInvalid);
  return result.error().message;
}

constexpr const char* kRule = R"(rules:
  - id: one
    aims: [open-access]
    score: 10
    when: {auth: none}
)";

struct BadFile {
  const char* what;
  const char* yaml;
  std::vector<std::string> expected;  ///< all stand in the message
};

const BadFile kBadFiles[] = {
    {"broken YAML", "rules:\n  - id: [a\n", {"t.yaml:", "not valid YAML"}},
    {"unknown section", "ruels: []\n", {"t.yaml:1:", "'ruels'", "did you mean 'rules'"}},
    {"unknown key of a rule",
     "rules:\n  - id: a\n    aims: open-access\n    scor: 3\n",
     {"t.yaml:4:", "'scor'", "did you mean 'score'"}},
    {"unknown aim",
     "rules:\n  - id: a\n    aims: [open-acess]\n    score: 3\n    when: {auth: none}\n",
     {"t.yaml:3:", "'open-acess'", "did you mean 'open-access'"}},
    {"unknown condition",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 3\n    when: {methd: GET}\n",
     {"t.yaml:5:", "'methd'", "did you mean 'method'"}},
    {"unknown API",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 3\n    when: {api: olama_chat}\n",
     {"t.yaml:5:", "'olama_chat'", "did you mean 'ollama_chat'"}},
    {"unknown set",
     "sets:\n  - {id: paths, on: path, patterns: [/a]}\nrules:\n  - id: a\n    aims: "
     "[open-access]\n"
     "    score: 3\n    when: {matches: path}\n",
     {"t.yaml:7:", "'path'", "did you mean 'paths'"}},
    {"set of files that define none",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 3\n    when: {matches: products}\n",
     {"t.yaml:5:", "unknown set 'products'; the files compiled together define none"}},
    {"method in lower case",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 3\n    when: {method: get}\n",
     {"t.yaml:5:", "'get'", "did you mean 'GET'"}},
    {"unknown HTTP version",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 3\n    when: {http: '3'}\n",
     {"t.yaml:5:", "HTTP version", "'3'"}},
    {"unknown label",
     "sets:\n  - id: s\n    on: path\n    labels: {alpha: [/a], beta: [/b]}\nrules:\n  - id: a\n"
     "    aims: [open-access]\n    score: 3\n    when: {matches: 's:alpa'}\n",
     {"t.yaml:9:", "'alpa'", "did you mean 'alpha'"}},
    {"unknown fact",
     "facts:\n  - {id: seen, value: path}\nrules:\n  - id: a\n    aims: [open-access]\n    score: "
     "3\n"
     "    source:\n      - {distinct: sean, at_least: 2}\n",
     {"t.yaml:8:", "'sean'", "did you mean 'seen'"}},
    {"unknown subject",
     "sets:\n  - {id: s, on: user-agnet, patterns: [x]}\n",
     {"t.yaml:2:", "'user-agnet'", "did you mean 'user-agent'"}},
    {"unknown fact value",
     "facts:\n  - {id: f, value: sever}\n",
     {"t.yaml:2:", "'sever'", "did you mean 'server'"}},
    {"bad pattern",
     "sets:\n  - id: s\n    on: path\n    patterns:\n      - /fine\n      - 're:(unclosed'\n",
     {"t.yaml:6:", "bad pattern"}},
    {"bad duration",
     "facts:\n  - {id: f, value: path}\nrules:\n  - id: a\n    aims: [open-access]\n    score: 3\n"
     "    source:\n      - {distinct: f, at_least: 2, within: 3 weeks}\n",
     {"t.yaml:8:", "'3 weeks'", "duration"}},
    {"share of nothing",
     "facts:\n  - {id: f, value: path}\nrules:\n  - id: a\n    aims: [open-access]\n    score: 3\n"
     "    source:\n      - {distinct: f, at_most: 2, share: 0.5}\n",
     {"t.yaml:8:", "'share'", "at_least"}},
    {"share above one",
     "facts:\n  - {id: f, value: path}\nrules:\n  - id: a\n    aims: [open-access]\n    score: 3\n"
     "    source:\n      - {distinct: f, at_least: 2, share: 30}\n",
     {"t.yaml:8:", "'share'", "up to 1"}},
    {"bad number",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: ten\n    when: {auth: none}\n",
     {"t.yaml:4:", "'ten'", "not a number"}},
    {"score out of range",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 0\n    when: {auth: none}\n",
     {"t.yaml:4:", "above 0"}},
    {"max below score",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 9\n    max: 3\n    when: {auth: "
     "none}\n",
     {"t.yaml:5:", "max"}},
    {"rule without conditions",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 9\n",
     {"t.yaml:2:", "always matches"}},
    {"rule with only an exception",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 9\n    unless: {auth: none}\n",
     {"t.yaml:2:", "always matches"}},
    {"key given twice",
     "rules:\n  - id: a\n    id: b\n    aims: [open-access]\n    score: 9\n    when: {auth: "
     "none}\n",
     {"t.yaml:3:", "'id' is given twice"}},
    {"rule defined twice",
     "rules:\n  - {id: a, aims: [open-access], score: 9, when: {auth: none}}\n"
     "  - {id: a, aims: [open-access], score: 9, when: {auth: none}}\n",
     {"t.yaml:3:", "'a' is defined twice"}},
    {"empty range",
     "rules:\n  - id: a\n    aims: [open-access]\n    score: 9\n"
     "    when: {max_tokens: {at_least: 3, at_most: 2}}\n",
     {"t.yaml:5:", "nothing can match"}},
    {"answer set on a request",
     "sets:\n  - {id: s, on: answer, patterns: [x]}\nrules:\n  - id: a\n    aims: [open-access]\n"
     "    score: 9\n    when: {matches: s}\n",
     {"t.yaml:7:", "answers only"}},
    {"status value without an answer",
     "facts:\n  - {id: f, value: status}\n",
     {"t.yaml:2:", "'answer'"}},
    {"ids with blanks", "sets:\n  - {id: My Set, on: path, patterns: [x]}\n", {"t.yaml:2:", "a-z"}},
};

TEST(RuleLanguage, RefusesMistakesWithFileLineAndNearestWord) {
  for (const BadFile& bad : kBadFiles) {
    SCOPED_TRACE(bad.what);
    const std::string message = error_of(bad.yaml);
    for (const std::string& part : bad.expected) {
      EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
    }
  }
}

TEST(RuleLanguage, ListsTheKnownWordsWhenNoneIsNear) {
  const std::string message =
      error_of("rules:\n  - id: a\n    aims: [xyz]\n    score: 1\n    when: {auth: none}\n");
  EXPECT_NE(message.find("known: endpoint-discovery, fingerprinting"), std::string::npos)
      << message;
}

TEST(RuleLanguage, NamesTheFileThatIsWrongAmongSeveral) {
  const auto result = RuleSet::compile({{"good.yaml", kRule}, {"bad.yaml", "\n\nrulez: []\n"}});
  ASSERT_FALSE(result.has_value());
  EXPECT_TRUE(result.error().message.starts_with("bad.yaml:3:")) << result.error().message;
}

TEST(RuleLanguage, LetsFilesUseEachOthersSetsInAnyOrder) {
  const auto result = RuleSet::compile(
      {{"a.yaml", "rules:\n  - {id: a, aims: [open-access], score: 9, when: {matches: later}}\n"},
       {"b.yaml", "sets:\n  - {id: later, on: path, patterns: [/x]}\n"}});
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
}

TEST(RuleLanguage, AcceptsAnEmptyFile) {
  EXPECT_TRUE(RuleSet::compile({{"empty.yaml", ""}}).has_value());
}

TEST(RuleLanguage, StopsAtAliasesThatBlowUp) {
  std::string yaml = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    yaml += "k" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) yaml += (j ? ", *a" : "*a") + std::to_string(i - 1);
    yaml += "]\n";
  }
  EXPECT_NE(error_of(yaml).find("too large"), std::string::npos);
}

TEST(RuleLanguage, RefusesUnknownRuleIdsOfTheConfiguration) {
  EXPECT_NE(
      error_of(kRule, {"onee"}).find("rules.disabled: unknown rule 'onee'; did you mean 'one'"),
      std::string::npos);
  EXPECT_NE(error_of(kRule, {}, {"two"}).find("rules.shadow"), std::string::npos);
}

TEST(RuleLanguage, DisabledRulesAreGoneAndShadowedOnesMarked) {
  const std::string yaml =
      std::string{kRule} + "  - {id: two, aims: [compute-theft], score: 5, when: {auth: bearer}}\n";
  const auto disabled = RuleSet::compile({{"t.yaml", yaml}}, {"one"});
  ASSERT_TRUE(disabled.has_value());
  ASSERT_EQ((*disabled)->list().size(), 1u);
  EXPECT_EQ((*disabled)->list()[0].id, "two");

  const auto shadowed = RuleSet::compile({{"t.yaml", yaml}}, {}, {"two"});
  ASSERT_TRUE(shadowed.has_value());
  EXPECT_FALSE((*shadowed)->list()[0].shadow);
  EXPECT_TRUE((*shadowed)->list()[1].shadow);
}

TEST(RuleLanguage, ShippedRulesCompileAndEachSaysWhatItIsFor) {
  const auto rules = shipped_rules();
  EXPECT_GT(rules->list().size(), 60u);
  for (const RuleInfo& rule : rules->list()) {
    EXPECT_FALSE(rule.description.empty()) << rule.id;
    EXPECT_FALSE(rule.aims.empty()) << rule.id;
    EXPECT_FALSE(rule.shadow) << rule.id;
  }
}

std::string with_references(const std::string& references) {
  return "rules:\n  - id: a\n    aims: [open-access]\n    score: 3\n    references:\n      - " +
         references + "\n    when: {auth: none}\n";
}

TEST(References, HaveTheFormsOfTheirLists) {
  for (const char* good :
       {"OWASP-LLM01:2025", "OWASP-LLM10:2025", "AML.T0051", "AML.T0051.000", "CVE-2024-37032",
        "CVE-2025-1234567", "CWE-79", "https://example.org/advisories/1?a=b"}) {
    const auto rules = RuleSet::compile({{"t.yaml", with_references(good)}});
    ASSERT_TRUE(rules) << good << ": " << rules.error().message;
    EXPECT_EQ((*rules)->list()[0].references, std::vector<std::string>{good});
  }
}

TEST(References, YearOfTheOwaspListMayBeLeftOut) {
  const auto rules = RuleSet::compile({{"t.yaml", with_references("OWASP-LLM07")}});
  ASSERT_TRUE(rules);
  EXPECT_EQ((*rules)->list()[0].references, std::vector<std::string>{"OWASP-LLM07:2025"});
}

TEST(References, OthersAreRefusedWithPlaceAndWhatIsAllowed) {
  for (const char* bad : {"OWASP-LLM00",
                          "OWASP-LLM11:2025",
                          "OWASP-LLM1",
                          "OWASP-LLM01:2023",
                          "owasp-llm01",
                          "AML.T51",
                          "AML.T00511",
                          "AML.T0051.1",
                          "AML.TA0002",
                          "CVE-2024-123",
                          "CVE-24-12345",
                          "CVE-2024-12a45",
                          "CWE-",
                          "CWE-x",
                          "http://example.org",
                          "'https://'",
                          "https:///x",
                          "'https://a b'",
                          "T1059",
                          "see the manual",
                          "''"}) {
    const std::string message = error_of(with_references(bad));
    EXPECT_TRUE(message.starts_with("t.yaml:6: ")) << bad << ": " << message;
    for (const char* form : {"OWASP-LLM01:2025", "AML.T0006", "CVE-2024-37032", "CWE-918", "https"})
      EXPECT_NE(message.find(form), std::string::npos) << bad << ": " << message;
  }
}

}  // namespace
}  // namespace probewall::test
