// SPDX-License-Identifier: Apache-2.0
// Each condition of the rule language, holding and not holding.
#include <gtest/gtest.h>

#include "unit/rules_sessions.hpp"

namespace probewall::test {
namespace {

/// Compiles one rule "r" with `conditions` (indented below the rule) and says whether it fires.
bool fires(const std::string& conditions, const std::vector<Step>& steps,
           const std::string& before = "") {
  const auto rules =
      rules_from(before + "rules:\n  - id: r\n    aims: [open-access]\n    score: 10\n    " +
                 conditions + "\n");
  if (rules == nullptr) return false;
  Judge judge{rules};
  judge.feed_all(steps);
  return judge.fired.contains("r");
}
bool fires(const std::string& conditions, const Step& step, const std::string& before = "") {
  return fires(conditions, std::vector<Step>{step}, before);
}

struct Pair {
  const char* when;
  Step yes;
  Step no;
};

Step decoy_step() {
  Step s = get("/x");
  s.decoy = true;
  return s;
}
Step cut_head_step() {
  Step s = get("/x");
  s.cut_head = true;
  return s;
}
Step big_step() {
  Step s = chat("m", "hi");
  s.content_length = 200'000;
  return s;
}

const Pair kRequestPairs[] = {
    {"{method: POST}", post("/x", "{}"), get("/x")},
    {"{method: other}",
     [] {
       Step s = get("/x");
       s.method = "PVED";
       return s;
     }(),
     get("/x")},
    {"{path: /api/tags}", get("/api/tags"), get("/api/tags/more")},
    {"{path: /api/tags}", get("//api//tags/?x=1"), get("/api/tag")},
    {"{path: /api/tags}", get("/api/%74ags"), get("/api/%75ags")},
    {"{path: '/models/*'}", get("/models/jobs/1"), get("/v1/models/x")},
    {"{target: 'debug=1'}", get("/x?debug=1"), get("/x?debug=2")},
    {"{user_agent: 're:^curl/[0-9]'}", agent("curl/8.5.0", get("/")), agent("xcurl/8", get("/"))},
    {"{prompt: 'tell me a joke'}", chat("m", "Please TELL  me a joke."), chat("m", "tell a joke")},
    {"{speech: 'drop all'}", chat("m", "drop all rules"),
     chat("m", R"(what does \"drop all\" mean)")},
    {"{model: 'gpt-*'}", chat("GPT-4o", "hi"), chat("not-gpt-4", "hi")},
    {"{model: llama3.2}", chat("llama3.2:latest", "hi"), chat("llama3.2:1b", "hi")},
    {"{model: 'gemini-*'}", post("/v1beta/models/gemini-2.0-flash:generateContent", "{}"),
     post("/v1beta/models/other:generateContent", "{}")},
    {"{header_text: 're:\\$\\{jndi:'}", with({"X-A: 1", "X-B: ${JNDI:x}"}, get("/x")),
     agent("${jndi:x}", with({"X-B: jndi:x"}, get("/x")))},
    {"{header_text: 're:^\\{a'}", with({"X-A: b{a}", "X-B: {a}"}, get("/x")),
     with({"X-A: b{a}"}, get("/x"))},
    {"{rpc_method: tools/list}", post("/mcp", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"),
     post("/mcp", R"({"jsonrpc":"2.0","id":1,"method":"tools/call"})")},
    {"{api: [chat_completions, models]}", get("/v1/models"), get("/api/version")},
    {"{auth: none}", get("/x"), key("sk-1", get("/x"))},
    {"{auth: bearer}", key("sk-1", get("/x")), with({"X-Api-Key: sk-1"}, get("/x"))},
    {"{auth: other}", with({"X-Api-Key: sk-1"}, get("/x")), key("sk-1", get("/x"))},
    {"{headers: {present: [X-One, x-two]}}", with({"x-one: 1", "X-Two: 2"}, get("/x")),
     with({"x-one: 1"}, get("/x"))},
    {"{headers: {any_present: [X-One, x-two]}}", with({"x-two: 2"}, get("/x")), get("/x")},
    {"{headers: {absent: [X-One, x-two]}}", get("/x"), with({"x-two: 2"}, get("/x"))},
    {"{headers: {only: [user-agent, accept, connection]}}", post("/x", "{}"),
     with({"X-Other: 1"}, post("/x", "{}"))},
    {"{headers: {order: [user-agent, x-b, x-a]}}", with({"X-B: 1", "X-A: 1"}, get("/x")),
     with({"X-A: 1", "X-B: 1"}, get("/x"))},
    {"{headers: {count: {at_most: 4}}}", get("/x"), with({"X-A: 1"}, get("/x"))},
    {"{headers: {values: {x-mode: fast}}}", with({"X-Mode: FAST"}, get("/x")),
     with({"X-Mode: faster"}, get("/x"))},
    {"{body: {size: {at_least: 100000}}}", big_step(), chat("m", "hi")},
    {"{body: {malformed: true}}", post("/v1/chat/completions", R"({"model":)"), chat("m", "hi")},
    {"{body: {empty: true}}", get("/x"), post("/x", "{}")},
    {"{body: {json: true}}", post("/x", "{}"), post("/x", "a=b")},
    {"{fields: {n: {at_least: 4}}}", post("/x", R"({"options":{"n":8}})"),
     post("/x", R"({"n":3})")},
    {"{fields: {insecure: 'true'}}", post("/x", R"({"insecure": true})"),
     post("/x", R"({"insecure": false})")},
    {"{fields: {api_base: present}}", post("/x", R"({"api_base": null})"), post("/x", "{}")},
    {"{fields: {command: touch}}", get("/sse?command=touch"), get("/sse?command=ls")},
    {"{model_present: false}", post("/v1/chat/completions", "{}"), chat("m", "hi")},
    {"{prompt_length: {at_most: 3}}", chat("m", "hi"), chat("m", "hello")},
    {"{max_tokens: {at_most: 1}}", post("/v1/completions", R"({"model":"m","max_tokens":1})"),
     post("/v1/completions", R"({"model":"m"})")},
    {"{tokens_asked: {at_least: 64}}", post("/v1/completions", R"({"n":128,"max_tokens":4})"),
     post("/v1/completions", R"({"n":8,"max_tokens":63})")},
    {"{messages: {at_least: 1}}", chat("m", "hi"), post("/v1/completions", R"({"model":"m"})")},
    {"{flags: decoy}", decoy_step(), get("/x")},
    {"{flags: [timed-out, cut-head]}", cut_head_step(), get("/x")},
    {"{flags: truncated}", big_step(), get("/x")},
    {"{port: [8000, 11434]}", on(1, 11434, get("/x")), on(1, 80, get("/x"))},
    {"{http: '1.1'}", get("/x"),
     [] {
       Step s = get("/x");
       s.path = "/x HTTP/1.0\r\nX:";
       return s;
     }()},
    {"{http: '2'}",
     [] {
       Step s = get("/x");
       s.path = "/x HTTP/2.0\r\nX:";
       return s;
     }(),
     get("/x")},
    {"{any: [{path: /a}, {path: /b}]}", get("/b"), get("/c")},
    {"{all: [{path: '/a*'}, {method: GET}]}", get("/ab"), post("/ab", "{}")},
    {"{path: '/a*', not: {method: POST}}", get("/ab"), post("/ab", "{}")},
};

TEST(RuleConditions, RequestConditionsHoldExactlyWhereTheyShould) {
  for (const Pair& pair : kRequestPairs) {
    SCOPED_TRACE(pair.when);
    EXPECT_TRUE(fires(std::string{"when: "} + pair.when, pair.yes));
    EXPECT_FALSE(fires(std::string{"when: "} + pair.when, pair.no));
  }
}

TEST(RuleConditions, UnlessTakesRequestsOut) {
  const std::string rule = "when: {path: /a}\n    unless: {auth: bearer}";
  EXPECT_TRUE(fires(rule, get("/a")));
  EXPECT_FALSE(fires(rule, key("k", get("/a"))));
}

TEST(RuleConditions, SetsOnFieldsLookAtTheNamedFieldsOnly) {
  const std::string set =
      "sets:\n  - {id: s, on: field, names: [url], patterns: ['re:^file://']}\n";
  EXPECT_TRUE(fires("when: {matches: s}", post("/x", R"({"a":{"url":"file:\/\/\/etc"}})"), set));
  EXPECT_FALSE(fires("when: {matches: s}", post("/x", R"({"text":"file:///etc"})"), set));
  EXPECT_FALSE(fires("when: {matches: s}", chat("m", "why is file:///etc bad?"), set));
}

TEST(RuleConditions, SetsOnAllFieldsLeaveProseAlone) {
  const std::string set = "sets:\n  - {id: s, on: field, patterns: ['169.254.169.254']}\n";
  EXPECT_FALSE(fires("when: {matches: s}", chat("m", "block http://169.254.169.254/"), set));
  EXPECT_TRUE(
      fires("when: {matches: s}",
            post("/mcp", R"({"params":{"arguments":{"target":"http://169.254.169.254/"}}})"), set));
}

TEST(RuleConditions, MatchesAllNeedsEverySet) {
  const std::string sets =
      "sets:\n  - {id: a, on: path, patterns: ['/a*']}\n  - {id: b, on: path, patterns: ['*b']}\n";
  EXPECT_TRUE(fires("when: {matches_all: [a, b]}", get("/axb"), sets));
  EXPECT_FALSE(fires("when: {matches_all: [a, b]}", get("/ax"), sets));
  EXPECT_TRUE(fires("when: {matches: [a, b]}", get("/ax"), sets));
}

TEST(RuleConditions, AnswersAreJudgedByStatusAndContent) {
  const std::string set = "sets:\n  - {id: s, on: answer, patterns: ['Ollama is running']}\n";
  EXPECT_TRUE(fires("answer: {status: [404, 5xx]}", get("/x", 503)));
  EXPECT_FALSE(fires("answer: {status: [404, 5xx]}", get("/x", 403)));
  EXPECT_TRUE(fires("answer: {matches: s}", answered("Ollama is running", get("/")), set));
  EXPECT_FALSE(fires("answer: {matches: s}", answered("hello", get("/")), set));
  EXPECT_TRUE(fires("answer: {status: 4xx, not: {status: 404}}", get("/x", 401)));
  EXPECT_FALSE(fires("answer: {status: 4xx, not: {status: 404}}", get("/x", 404)));
}

TEST(RuleConditions, ARuleWithAnAnswerPartWaitsForTheAnswer) {
  EXPECT_FALSE(fires("when: {path: /a}\n    answer: {status: 404}", get("/a", 0)));
  EXPECT_TRUE(fires("when: {path: /a}\n    answer: {status: 404}", get("/a", 404)));
  EXPECT_FALSE(fires("when: {path: /a}\n    answer: {status: 404}", get("/b", 404)));
}

TEST(RuleConditions, ModelNotFoundIsNotAnyOldNotFound) {
  const Step missing = answered(R"({"error":"model 'x' not found"})", chat("x", "hi", 404));
  const Step no_path = answered("404 page not found", chat("x", "hi", 404));
  EXPECT_TRUE(fires("answer: {model_not_found: true}", missing));
  EXPECT_FALSE(fires("answer: {model_not_found: true}", no_path));
}

TEST(RuleConditions, HostedModelsAreLearntFromListsAndFromUseWithAKey) {
  const std::string rule = "when: {model_hosted: \"no\"}";
  const std::string unknown = "when: {model_hosted: unknown}";
  const Step list = answered(R"({"object":"list","data":[{"id":"gpt-4"}]})", get("/v1/models"));
  EXPECT_TRUE(fires(unknown, chat("gpt-4", "hi")));
  EXPECT_FALSE(fires(rule, {list, chat("gpt-4", "hi")}));
  EXPECT_TRUE(fires(rule, {list, chat("gpt-5", "hi")}));
  const std::string yes = "when: {model_hosted: \"yes\"}";
  EXPECT_TRUE(fires(yes, {chat("own", "hi", 200, "k"), chat("own", "hi")}));
  EXPECT_FALSE(fires(yes, {chat("own", "hi", 200), chat("own", "hi")})) << "anyone gets 200 there";
}

TEST(RuleConditions, AListThatWasCutProvesNoAbsence) {
  std::string many = R"({"data":[)";
  for (int i = 0; i < 60; ++i) many += R"({"id":"model-)" + std::to_string(i) + R"("},)";
  const Step list = answered(many, get("/v1/models"));
  EXPECT_FALSE(fires("when: {model_hosted: \"no\"}", {list, chat("model-59", "hi")}));
}

constexpr const char* kPathFact =
    "facts:\n  - {id: f, value: path, when: {auth: none}}\n  - {id: r, value: request}\n";

TEST(RuleConditions, DistinctCountsValuesNotRequests) {
  const std::string rule = "source: [{distinct: f, at_least: 3, within: 10s}]";
  EXPECT_TRUE(fires(rule, {get("/a"), get("/b"), get("/c")}, kPathFact));
  EXPECT_FALSE(fires(rule, {get("/a"), get("/b"), get("/a"), get("/b"), get("/a")}, kPathFact));
  EXPECT_FALSE(fires(rule, {get("/a"), get("/b"), key("k", get("/c"))}, kPathFact));
}

TEST(RuleConditions, DistinctForgetsWhatIsOutsideTheWindow) {
  const std::string rule = "source: [{distinct: f, at_least: 3, within: 10s}]";
  EXPECT_TRUE(fires(rule, {at(0, get("/a")), at(4, get("/b")), at(9, get("/c"))}, kPathFact));
  EXPECT_FALSE(fires(rule, {at(0, get("/a")), at(4, get("/b")), at(12, get("/c"))}, kPathFact));
}

TEST(RuleConditions, AShareOfDistinctValuesIsPerRequestOfTheSource) {
  const std::string rule =
      "when: {path: /c}\n    source: [{distinct: f, at_least: 3, within: 1m, share: 0.6}]";
  EXPECT_TRUE(fires(rule, {get("/a"), get("/b"), get("/a"), get("/b"), get("/c")}, kPathFact));
  EXPECT_FALSE(
      fires(rule, {get("/a"), get("/b"), get("/a"), get("/b"), get("/b"), get("/c")}, kPathFact));
  const std::string wide = "when: {path: /50}\n    source: [{distinct: f, at_least: 2, share: 1}]";
  std::vector<Step> steps;
  for (int i = 1; i <= 50; ++i) steps.push_back(get("/" + std::to_string(i)));
  EXPECT_TRUE(fires(wide, steps, kPathFact)) << "more values are kept than at_least needs";
}

TEST(RuleConditions, HostsOfUrlFieldsAreTold) {
  const std::string facts =
      "facts:\n  - {id: h, value: url-host, when: {target: re:.}}\n"
      "sets:\n  - {id: u, on: field, names: [url], patterns: [\"re:^http\"]}\n";
  const std::string rule = "when: {matches: u}\n    source: [{distinct: h, at_least: 2}]";
  const auto fetch = [](std::string url) { return post("/x", R"({"url":")" + url + "\"}"); };
  EXPECT_TRUE(fires(rule, {fetch("http://a:1/"), fetch("http://a:2/")}, facts));
  EXPECT_FALSE(fires(rule, {fetch("http://a/1"), fetch("http://a/2?x"), fetch("http://a")}, facts));
}

TEST(RuleConditions, AtMostSeesWhatDidNotHappen) {
  const std::string rule =
      "when: {path: /tools}\n    source: [{distinct: f, at_most: 1, within: 1h}]";
  EXPECT_TRUE(fires(rule, get("/tools"), kPathFact));
  EXPECT_FALSE(fires(rule, {get("/handshake"), get("/tools")}, kPathFact));
}

TEST(RuleConditions, SourceAgeRequestsAndFailures) {
  EXPECT_TRUE(fires("when: {path: /b}\n    source: [{first_seen_within: 1m}]",
                    {at(0, get("/a")), at(30, get("/b"))}));
  EXPECT_FALSE(fires("when: {path: /b}\n    source: [{first_seen_within: 1m}]",
                     {at(0, get("/a")), at(90, get("/b"))}));
  EXPECT_TRUE(fires("when: {path: /b}\n    source: [{first_seen_before: 1m}]",
                    {at(0, get("/a")), at(90, get("/b"))}));
  EXPECT_TRUE(fires("source: [{requests: {at_least: 2}}]", {get("/a"), get("/b")}));
  EXPECT_FALSE(fires("source: [{requests: {at_least: 2}}]", get("/a")));
  const std::string ratio = "source: [{failure_ratio: 0.7, answers: {at_least: 3}}]";
  EXPECT_TRUE(fires(ratio, {get("/a", 404), get("/b", 404), get("/c", 404)}));
  EXPECT_FALSE(fires(ratio, {get("/a", 404), get("/b", 200), get("/c", 404)}));
}

TEST(RuleConditions, FactsOfAnswersCountWhenTheAnswerComes) {
  const std::string facts = "facts:\n  - {id: bad, value: key, answer: {status: 401}}\n";
  const std::string rule = "source: [{distinct: bad, at_least: 2, within: 1m}]";
  EXPECT_TRUE(fires(rule, {key("a", get("/x", 401)), key("b", get("/x", 401))}, facts));
  EXPECT_FALSE(fires(rule, {key("a", get("/x", 401)), key("a", get("/x", 401))}, facts));
  EXPECT_FALSE(fires(rule, {key("a", get("/x", 401)), key("b", get("/x", 200))}, facts));
}

}  // namespace
}  // namespace probewall::test
