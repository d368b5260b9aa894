// SPDX-License-Identifier: Apache-2.0
// The shipped rules start from what the build compiled.
#include <gtest/gtest.h>

#include "core/rules/compiler.hpp"
#include "core/rules/prebuilt.hpp"

namespace probewall::test {
namespace {

using namespace rules;

TEST(PrebuiltRules, HoldTheTreeOfEveryShippedFile) {
  ASSERT_FALSE(RuleSet::builtin().empty());

  for (const RuleText& file : RuleSet::builtin()) {
    EXPECT_FALSE(find_prebuilt(prebuilt_key(file.text)).empty()) << file.name;
  }
}

TEST(PrebuiltRules, HoldEveryPatternDatabaseOfTheShippedRules) {
  Compiler compiler;
  const auto compiled = compiler.compile(RuleSet::builtin(), {}, {});

  std::size_t databases = 0;
  for (std::size_t s = 0; s < kSubjects; ++s) {
    const auto& regexes = compiler.regexes()[s];
    PatternDatabase taken;
    if (!compiled->subjects[s].db.empty()) {
      EXPECT_TRUE(taken.take_prebuilt(regexes)) << "subject " << s;
      ++databases;
    }
    if (!compiled->subjects[s].joined.empty()) {
      EXPECT_TRUE(taken.take_prebuilt(regexes, PatternDatabase::Lines::kMany)) << "subject " << s;
    }
  }
  EXPECT_GT(databases, 0u);
}

TEST(PrebuiltRules, HoldNothingForOtherPatterns) {
  PatternDatabase taken;

  EXPECT_FALSE(taken.take_prebuilt({"not a shipped pattern"}));
}

}  // namespace
}  // namespace probewall::test
