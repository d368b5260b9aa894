// SPDX-License-Identifier: Apache-2.0
// Requests that are known to have the bytes of earlier ones are judged by what was kept of these:
// the verdicts must be those of a table that reads every request anew.
#include <gtest/gtest.h>

#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

std::string told(const Verdict& v) {
  std::string out = std::to_string(v.score) + ' ' + std::to_string(v.limiting);
  for (const Detection& d : v.detections) {
    out += ' ' + std::string{d.rule} + '=' + std::to_string(d.points);
  }
  return out;
}

/// Both tables see the same; `known` is told which requests have the same bytes.
void compare(Judge& anew, Judge& known, const Step& step, const std::string& source) {
  ASSERT_EQ(told(known.feed(step, source)), told(anew.feed(step, source)))
      << step.method << ' ' << step.path;
}

TEST(RepeatedRequests, AreJudgedAsIfReadAnew) {
  Judge anew{shipped_rules()};
  Judge known{shipped_rules()};
  known.number_contents();
  int source = 0;
  // Each case from three sources, the last at another server, so that all but the bytes differs.
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.rule);
    for (int round = 0; round < 3; ++round) {
      const std::string from = "2001:db8:0:" + std::to_string(++source) + "::1";
      for (const Steps& steps : {c.probe, c.trap}) {
        for (Step step : steps) {
          if (round == 2) step.server += 20, step.port += 1;
          compare(anew, known, step, from);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

constexpr const char* kByPlace = R"(
rules:
  - id: at-port
    description: only at one port
    aims: [fingerprinting]
    score: 10
    when: {all: [{path: /x}, {port: 9000}]}
  - id: hosted
    description: a model that the server has
    aims: [fingerprinting]
    score: 10
    when: {model_hosted: "no"}
)";

TEST(RepeatedRequests, AtAnotherPortAreAnotherCase) {
  Judge judge{rules_from(kByPlace)};
  judge.number_contents();
  for (int i = 0; i < 3; ++i) judge.feed(get("/x"), "198.51.100." + std::to_string(i + 1));
  EXPECT_FALSE(judge.fired.contains("at-port"));
  judge.feed(on(1, 9000, get("/x")), "198.51.100.9");
  EXPECT_TRUE(judge.fired.contains("at-port"));
}

TEST(RepeatedRequests, UnderNewRulesAreReadAnew) {
  Judge judge{shipped_rules()};
  judge.number_contents();
  for (int i = 0; i < 3; ++i) judge.feed(on(1, 9000, get("/x")));
  judge.table.set_rules(rules_from(kByPlace));
  judge.feed(on(1, 9000, get("/x")));
  EXPECT_TRUE(judge.fired.contains("at-port"));
}

}  // namespace
}  // namespace probewall::test
