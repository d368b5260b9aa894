// SPDX-License-Identifier: Apache-2.0
// Whatever a server computes counts as use of it: the same rates and sizes as for chats.
#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

using Steps = std::vector<Step>;

struct Work {
  const char* name;
  const char* path;
  const char* body;  ///< without its last brace
};
std::ostream& operator<<(std::ostream& out, const Work& w) { return out << w.name; }

class OtherWork : public ::testing::TestWithParam<Work> {
 protected:
  /// The n-th question, at `seconds`.
  static Step ask(int i, double seconds, const std::string& bearer = "") {
    const Work& w = GetParam();
    return at(seconds, key(bearer, post(w.path, std::string{w.body} + R"(,"seed":)" + n(i) + "}")));
  }
};

TEST_P(OtherWork, WithoutAKeyTenTimesASecondIsRateLimited) {
  Judge judge{shipped_rules()};
  for (int i = 0; i < 600; ++i) judge.feed(ask(i, 0.1 * i));

  ASSERT_FALSE(judge.decisions.empty());
  EXPECT_EQ(judge.decisions[0].action, Action::kRateLimit);
  EXPECT_TRUE(judge.fired.count("generation-sustained"));
}

TEST_P(OtherWork, UnderAKeyOrNowAndThenIsLeftAlone) {
  Steps keyed, seldom;
  for (int i = 0; i < 600; ++i) keyed.push_back(ask(i, 0.1 * i, "sk-own-key"));
  for (int i = 0; i < 120; ++i) seldom.push_back(ask(i, 3.0 * i));

  EXPECT_LT(honest_score(keyed), 100);
  EXPECT_LT(honest_score(seldom), 100);
}

INSTANTIATE_TEST_SUITE_P(
    Paths, OtherWork,
    ::testing::Values(Work{"LmStudioChat", "/api/v1/chat", R"({"model":"m","input":"story")"},
                      Work{"LmStudioLoad", "/api/v1/models/load", R"({"model":"m")"},
                      Work{"TgiRoot", "/", R"({"inputs":"story")"},
                      Work{"Speech", "/v1/audio/speech", R"({"model":"tts","input":"story")"},
                      Work{"Pictures", "/v1/images/generations", R"({"prompt":"a cat")"},
                      Work{"Pooling", "/pooling", R"({"model":"m","input":"story")"},
                      Work{"Score", "/score", R"({"model":"m","text_1":"a","text_2":"b")"},
                      Work{"WebSearch", "/api/web_search", R"({"query":"story")"},
                      Work{"SglangGenerate", "/generate", R"({"text":"story")"}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(OtherApplications, ScoresAndListsOfAGameAreNotGeneration) {
  for (const char* path : {"/score", "/pooling", "/", "/api/v1/chat"}) {
    Steps steps;
    for (int i = 0; i < 600; ++i)
      steps.push_back(at(0.1 * i, post(path, R"({"player":"ann","points":)" + n(i) + "}")));
    Judge judge{shipped_rules()};
    judge.feed_all(steps);
    EXPECT_FALSE(judge.fired.count("generation-burst")) << path;
    EXPECT_FALSE(judge.fired.count("generation-sustained")) << path;
  }
}

/// `choices` answers of `tokens` each.
Step choose(int choices, int tokens) {
  return post("/v1/chat/completions", R"({"model":"m","n":)" + n(choices) + R"(,"max_tokens":)" +
                                          n(tokens) +
                                          R"(,"messages":[{"role":"user","content":"a story"}]})");
}

TEST(ManyAnswersAtOnce, CountAsOneAsLong) {
  Judge judge{shipped_rules()};
  for (int i = 0; i < 5; ++i) judge.feed(at(i, choose(128, 4096)));

  EXPECT_TRUE(judge.fired.count("oversized-generation-repeated"));
  ASSERT_FALSE(judge.decisions.empty());
  EXPECT_EQ(judge.decisions[0].action, Action::kRateLimit);
}

TEST(ManyAnswersAtOnce, ToChooseFromOrOfABenchmarkAreOrdinary) {
  // Up to eight to choose from; pass@64 and pass@200 of programs; a vote of 40.
  for (const auto& [choices, tokens] :
       {std::pair{2, 16384}, {8, 4096}, {64, 1024}, {200, 512}, {40, 2048}}) {
    Steps steps;
    for (int i = 0; i < 40; ++i) steps.push_back(at(i, choose(choices, tokens)));
    Judge judge{shipped_rules()};
    judge.feed_all(steps);
    EXPECT_FALSE(judge.fired.count("oversized-generation")) << choices << " x " << tokens;
  }
}

}  // namespace
}  // namespace probewall::test
