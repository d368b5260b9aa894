// SPDX-License-Identifier: Apache-2.0
// A rule set of the tests' own, so that they do not depend on the shipped rules.
#pragma once

#include <gtest/gtest.h>

#include "core/rules/rule_set.hpp"

namespace probewall::testing {

inline std::shared_ptr<const RuleSet> test_rules() {
  static constexpr const char* kText = R"(
sets:
  - id: agents
    on: user-agent
    labels:
      bad: [badscan]
      half: [halfscan]
rules:
  - id: bad-agent
    description: enough alone
    aims: [endpoint-discovery]
    score: 100
    when: {matches: "agents:bad"}
  - id: half-agent
    description: not enough alone
    aims: [fingerprinting]
    score: 60
    when: {matches: "agents:half"}
  - id: half-refused
    description: enough with its request
    aims: [open-access]
    score: 50
    when: {matches: "agents:half"}
    answer: {status: [404]}
)";
  auto rules = RuleSet::compile({{"test.yaml", kText}});
  EXPECT_TRUE(rules.has_value()) << (rules ? "" : rules.error().message);
  return rules ? *rules : nullptr;
}

}  // namespace probewall::testing
