// SPDX-License-Identifier: Apache-2.0
// Points over time, bounded memory, trust.
#include <gtest/gtest.h>

#include "unit/rules_sessions.hpp"

namespace probewall::test {
namespace {

constexpr const char* kRules = R"(
facts:
  - {id: paths, value: path}
rules:
  - {id: plain, aims: [open-access], score: 40, when: {path: /plain}}
  - {id: adding, aims: [compute-theft], score: 30, max: 75, when: {path: /adding}}
  - {id: once, aims: [fingerprinting], score: 20, once: true, when: {path: /once}}
  - {id: cool, aims: [fingerprinting], score: 20, max: 90, cooldown: 10m, when: {path: /cool}}
  - {id: hidden, aims: [data-or-action], score: 90, shadow: true, when: {path: /hidden}}
  - {id: wide, aims: [fingerprinting], score: 50, when: {path: /wide}, source: [{distinct: paths, at_least: 3, within: 1h}]}
)";

IpPrefix source(const std::string& text) { return source_of(*IpAddress::parse(text), 64); }

TEST(Score, HalvesInOneHalfLife) {
  Judge judge{rules_from(kRules)};
  EXPECT_NEAR(judge.feed(at(0, get("/plain"))).score, 40, 0.1);
  EXPECT_NEAR(judge.table.report(source("198.51.100.7"), Judge::time(3600)).score, 20, 0.1);
  EXPECT_NEAR(judge.table.report(source("198.51.100.7"), Judge::time(7200)).score, 10, 0.1);
}

TEST(Score, WhatDecaysWithinSecondsIsNotHeldBackAndTheDecisionShowsWhatWasCompared) {
  constexpr const char* kTwo = R"(
rules:
  - {id: first, aims: [open-access], score: 60, when: {path: /first}}
  - {id: second, aims: [open-access], score: 40, when: {path: /second}}
)";
  Judge soon{rules_from(kTwo)};
  soon.feed_all({at(0, get("/first")), at(20, get("/second"))});
  ASSERT_EQ(soon.decisions.size(), 1u);
  EXPECT_EQ(soon.decisions[0].score, 100);
  EXPECT_EQ(soon.table.report(source("198.51.100.7"), Judge::time(20)).score, 100);

  Judge late{rules_from(kTwo)};
  late.feed_all({at(0, get("/first")), at(60, get("/second"))});
  EXPECT_TRUE(late.decisions.empty());
  EXPECT_EQ(late.table.report(source("198.51.100.7"), Judge::time(60)).score, 99.5);
}

TEST(Score, RepetitionRefreshesARuleButDoesNotAddUp) {
  Judge judge{rules_from(kRules)};
  Verdict last;
  for (int i = 0; i < 200; ++i) last = judge.feed(at(i * 30.0, get("/plain")));
  EXPECT_LE(last.score, 40.1);
  EXPECT_GT(last.score, 38);
}

TEST(Score, ADetectionIsShownOnlyWhenItAddsPoints) {
  Judge judge{rules_from(kRules)};
  for (int i = 0; i < 50; ++i) judge.feed(at(i * 0.1, get("/plain")));
  ASSERT_EQ(judge.detections.size(), 1u);
  EXPECT_EQ(judge.detections[0].points, 40);
  judge.feed(at(3600, get("/plain")));
  ASSERT_EQ(judge.detections.size(), 2u);
  EXPECT_NEAR(judge.detections[1].points, 20, 0.1);
}

TEST(Score, ARuleWithMaxAddsUpToIt) {
  Judge judge{rules_from(kRules)};
  EXPECT_NEAR(judge.feed(get("/adding")).score, 30, 0.1);
  EXPECT_NEAR(judge.feed(get("/adding")).score, 60, 0.1);
  EXPECT_NEAR(judge.feed(get("/adding")).score, 75, 0.1);
  EXPECT_NEAR(judge.feed(get("/adding")).score, 75, 0.1);
}

TEST(Score, OnceMeansOncePerSource) {
  Judge judge{rules_from(kRules)};
  judge.feed(at(0, get("/once")));
  EXPECT_TRUE(judge.feed(at(36000, get("/once"))).detections.empty());
  EXPECT_FALSE(judge.feed(at(36001, get("/once")), "198.51.100.8").detections.empty());
}

TEST(Score, CooldownHoldsARuleBack) {
  Judge judge{rules_from(kRules)};
  judge.feed(at(0, get("/cool")));
  EXPECT_TRUE(judge.feed(at(599, get("/cool"))).detections.empty());
  EXPECT_FALSE(judge.feed(at(601, get("/cool"))).detections.empty());
}

TEST(Score, AShadowRuleIsShownAndAddsNothing) {
  Judge judge{rules_from(kRules)};
  const Verdict v = judge.feed(get("/hidden"));
  ASSERT_EQ(v.detections.size(), 1u);
  EXPECT_TRUE(v.detections[0].shadow);
  EXPECT_EQ(v.detections[0].points, 90);
  EXPECT_EQ(v.score, 0);
  EXPECT_TRUE(v.reasons.empty());
  EXPECT_TRUE(v.aims.empty());
}

TEST(Score, ReasonsAreLargestFirstAndAddUpToTheScore) {
  Judge judge{rules_from(kRules)};
  judge.feed(get("/once"));
  const Verdict v = judge.feed(get("/plain"));
  ASSERT_EQ(v.reasons.size(), 2u);
  EXPECT_EQ(v.reasons[0].rule, "plain");
  EXPECT_EQ(v.reasons[1].rule, "once");
  EXPECT_NEAR(v.reasons[0].points + v.reasons[1].points, v.score, 0.01);
  EXPECT_EQ(v.aims, (std::vector<Aim>{Aim::kFingerprinting, Aim::kOpenAccess}));
  EXPECT_EQ(v.requests_seen, 2u);
}

TEST(Score, SourcesDoNotShareAnything) {
  Judge judge{rules_from(kRules)};
  judge.feed(get("/a"), "198.51.100.7");
  judge.feed(get("/b"), "198.51.100.8");
  EXPECT_EQ(judge.feed(get("/wide"), "198.51.100.7").score, 0);
  judge.feed(get("/b"), "198.51.100.7");
  EXPECT_NEAR(judge.feed(get("/wide"), "198.51.100.7").score, 50, 0.1);
}

TEST(Score, AnIpv6SiteIsOneSource) {
  Judge judge{rules_from(kRules)};
  judge.feed(get("/a"), "2001:db8:1:2::1");
  judge.feed(get("/b"), "2001:db8:1:2::2");
  EXPECT_NEAR(judge.feed(get("/wide"), "2001:db8:1:2:ffff::3").score, 50, 0.1);
}

TEST(Score, ConflictingRequestsAreCountedButNeverScored) {
  Judge judge{rules_from(kRules)};
  Step conflicting = get("/plain");
  conflicting.conflicting = true;
  const Verdict v = judge.feed(conflicting);
  EXPECT_TRUE(v.detections.empty());
  EXPECT_EQ(v.score, 0);
  EXPECT_EQ(v.requests_seen, 1u);
}

TEST(SourceTable, KeepsToItsBoundAndEvictsOrdinarySourcesFirst) {
  Judge judge{rules_from(kRules), PolicyConfig{}, 64};
  judge.feed(at(0, get("/plain")), "203.0.113.1");  // suspicious, and the oldest of all
  for (int i = 0; i < 1000; ++i) {
    judge.feed(at(1 + i, get("/ordinary")),
               "198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  }
  EXPECT_EQ(judge.table.size(), 64u);
  EXPECT_EQ(judge.table.evicted(), 1001u - 64u);
  EXPECT_GT(judge.table.report(source("203.0.113.1"), Judge::time(1001)).score, 30);
  EXPECT_EQ(judge.table.report(source("198.51.0.0"), Judge::time(1001)).requests, 0u);
  EXPECT_EQ(judge.table.report(source("198.51.3.249"), Judge::time(1001)).requests, 1u);
}

TEST(SourceTable, EvictsTheOldestSuspiciousSourceWhenOnlySuspiciousOnesAreLeft) {
  Judge judge{rules_from(kRules), PolicyConfig{}, 16};
  for (int i = 0; i < 17; ++i) judge.feed(at(i, get("/plain")), "203.0.113." + std::to_string(i));
  EXPECT_EQ(judge.table.size(), 16u);
  EXPECT_EQ(judge.table.report(source("203.0.113.0"), Judge::time(20)).requests, 0u);
  EXPECT_EQ(judge.table.report(source("203.0.113.1"), Judge::time(20)).requests, 1u);
}

TEST(SourceTable, TopGivesTheMostSuspiciousFirst) {
  Judge judge{rules_from(kRules)};
  judge.feed(get("/once"), "203.0.113.1");
  judge.feed(get("/plain"), "203.0.113.2");
  judge.feed(get("/x"), "203.0.113.3");
  const auto top = judge.table.top(2, Judge::time(1));
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].source, source("203.0.113.2"));
  EXPECT_EQ(top[1].source, source("203.0.113.1"));
}

TEST(SourceTable, ForgetClearsPointsAndMemory) {
  Judge judge{rules_from(kRules)};
  judge.feed(get("/a"));
  judge.feed(get("/plain"));
  judge.table.forget(source("198.51.100.7"));
  EXPECT_EQ(judge.table.report(source("198.51.100.7"), Judge::time(1)).score, 0);
  EXPECT_EQ(judge.feed(get("/wide")).score, 0);
}

TEST(SourceTable, NewRulesKeepTheScoreOfRulesThatStay) {
  Judge judge{rules_from(kRules)};
  judge.feed(get("/plain"));
  judge.feed(get("/once"));
  judge.table.set_rules(
      rules_from("rules:\n  - {id: new, aims: [open-access], score: 1, when: {path: /new}}\n"
                 "  - {id: plain, aims: [open-access], score: 40, when: {path: /plain}}\n"));
  const SourceReport report = judge.table.report(source("198.51.100.7"), Judge::time(1));
  ASSERT_EQ(report.reasons.size(), 1u);
  EXPECT_EQ(report.reasons[0].rule, "plain");
  EXPECT_EQ(judge.feed(get("/new")).reasons.size(), 2u);
}

TEST(SourceTable, AnInterimAnswerDoesNotUseUpTheRequest) {
  Judge judge{
      rules_from("rules:\n  - {id: r, aims: [open-access], score: 5, when: {path: /x}, answer: "
                 "{status: 404}}\n")};
  judge.feed(get("/x", 0));
  Response r;
  r.request_id = 1;
  r.source = source("198.51.100.7");
  r.time = Judge::time(1);
  r.status = 100;
  EXPECT_TRUE(judge.table.on_response(r).detections.empty());
  r.status = 404;
  EXPECT_EQ(judge.table.on_response(r).detections.size(), 1u);
  EXPECT_TRUE(judge.table.on_response(r).detections.empty()) << "answered already";
}

TEST(SourceTable, AnAnswerToAnUnknownSourceIsIgnored) {
  Judge judge{rules_from(kRules)};
  Response r;
  r.request_id = 99;
  r.source = source("203.0.113.9");
  r.status = 200;
  EXPECT_EQ(judge.table.on_response(r).score, 0);
  EXPECT_EQ(judge.table.size(), 0u);
}

double bonus_after_hours(int hours, const Step& use, bool refused_before) {
  Judge judge{rules_from(kRules)};
  if (refused_before) judge.feed(at(0, chat("m", "x", 401)), "203.0.113.50");
  Verdict v;
  for (int h = 0; h < hours; ++h) v = judge.feed(at(1 + h * 3600.0, use));
  return v.threshold_bonus;
}

TEST(Trust, GrowsWithHoursOfSuccessfulUseWithAKeyAndIsBounded) {
  const Step use = chat("m", "summarise this", 200, "sk-good");
  EXPECT_EQ(bonus_after_hours(1, use, true), 0);
  EXPECT_EQ(bonus_after_hours(4, use, true), 30);
  EXPECT_EQ(bonus_after_hours(400, use, true), 100);
}

TEST(Trust, IsInTheReportOfItsSource) {
  Judge judge{rules_from(kRules)};
  judge.feed(at(0, chat("m", "x", 401)), "203.0.113.50");
  for (int h = 0; h < 4; ++h) judge.feed(at(1 + h * 3600.0, chat("m", "x", 200, "k")));
  const Timestamp now{std::chrono::hours{4}};

  const auto top = judge.table.top(10, now);

  ASSERT_EQ(top.size(), 2u);
  for (const SourceReport& report : top) {
    const bool trusted = report.source != source("203.0.113.50");
    EXPECT_EQ(report.threshold_bonus, trusted ? 30 : 0) << report.source.to_string();
    EXPECT_EQ(judge.table.report(report.source, now).threshold_bonus, report.threshold_bonus);
  }
}

TEST(Trust, IsNotEarnedWhereTheServerNeverRefusedAnyone) {
  EXPECT_EQ(bonus_after_hours(400, chat("m", "summarise this", 200, "any"), false), 0);
}

TEST(Trust, CannotBeEarnedWithoutAKeyByFailuresOrBySlowProbing) {
  EXPECT_EQ(bonus_after_hours(400, chat("m", "hi", 200), true), 0);
  EXPECT_EQ(bonus_after_hours(400, chat("m", "hi", 401, "sk-bad"), true), 0);
  EXPECT_EQ(bonus_after_hours(400, key("sk-good", get("/v1/models")), true), 0);
  Step probe = chat("m", "hi", 200, "sk-good");
  probe.path = "/plain";
  EXPECT_EQ(bonus_after_hours(400, probe, true), 0);
}

TEST(Trust, EndsAMonthAfterTheLastUse) {
  Judge judge{rules_from(kRules)};
  judge.feed(at(0, chat("m", "x", 401)), "203.0.113.50");
  for (int h = 0; h < 4; ++h) judge.feed(at(1 + h * 3600.0, chat("m", "x", 200, "k")));
  EXPECT_EQ(judge.feed(at(29 * 86400.0, get("/x"))).threshold_bonus, 30);
  EXPECT_EQ(judge.feed(at(31 * 86400.0, get("/x"))).threshold_bonus, 0);
  EXPECT_EQ(judge.feed(at(31 * 86400.0 + 1, chat("m", "x", 200, "k"))).threshold_bonus, 0)
      << "begins anew";
}

TEST(Trust, CountsForWhatIsFoundInTheSameRequest) {
  Judge judge{
      rules_from("rules:\n"
                 "  - {id: a, aims: [data-or-action], score: 60, when: {path: /a}}\n"
                 "  - {id: b, aims: [data-or-action], score: 60, when: {path: /b}}\n")};
  judge.feed(at(0, chat("m", "x", 401)), "203.0.113.50");
  for (int h = 0; h < 20; ++h) judge.feed(at(1 + h * 3600.0, chat("m", "x", 200, "k")));
  judge.feed(key("k", get("/a")));
  EXPECT_EQ(judge.feed(key("k", get("/b"))).threshold_bonus, 100);
  EXPECT_TRUE(judge.decisions.empty()) << "120 points are not 200";
}

TEST(Keys, CountOnceAServerThatRefusesStrangersHasLetThemIn) {
  const auto rules = rules_from(
      "rules:\n  - {id: new, aims: [open-access], score: 1, max: 9, when: {auth: unaccepted}}\n"
      "  - {id: sent, aims: [open-access], score: 1, max: 9, when: {auth: bearer}}\n"
      "  - {id: bare, aims: [open-access], score: 1, max: 9, when: {auth: none}}\n");
  const auto fired = [](Judge& judge, const Step& step) {
    std::string ids;
    for (const Detection& d : judge.feed(step).detections) ids += std::string{d.rule} + " ";
    return ids;
  };
  Judge judge{rules};
  EXPECT_EQ(fired(judge, chat("m", "x", 200)), "new bare ");
  EXPECT_EQ(fired(judge, chat("m", "x", 200, "sk-1")), "new sent ");
  EXPECT_EQ(fired(judge, chat("m", "x", 200, "sk-1")), "new sent ") << "an open server lets any in";
  EXPECT_EQ(fired(judge, chat("m", "x", 401)), "new bare ");
  EXPECT_EQ(fired(judge, chat("m", "x", 200, "sk-1")), "new sent ");
  EXPECT_EQ(fired(judge, chat("m", "x", 200, "sk-1")), "sent ");
  EXPECT_EQ(fired(judge, chat("m", "x", 401, "sk-2")), "new sent ");
  EXPECT_EQ(fired(judge, chat("m", "x", 200, "sk-2")), "new sent ") << "refused so far";
}

/// Rules fired by a chat under a made-up key that is answered, when it comes again.
std::string second_use_after(const std::vector<Step>& before) {
  Judge judge{rules_from(
      "rules:\n  - {id: new, aims: [open-access], score: 1, max: 9, when: {auth: unaccepted}}\n"
      "  - {id: sent, aims: [open-access], score: 1, max: 9, when: {auth: bearer}}\n"
      "  - {id: other, aims: [open-access], score: 1, max: 9, when: {auth: other}}\n")};
  judge.feed_all(before);
  judge.feed(chat("m", "x", 200, "sk-made-up"));
  std::string ids;
  for (const Detection& d : judge.feed(chat("m", "x", 200, "sk-made-up")).detections)
    ids += std::string{d.rule} + " ";
  return ids;
}

TEST(Keys, AreNotAcceptedForAForbiddenThatSaysNothingOfThem) {
  EXPECT_EQ(second_use_after({chat("m", "x", 401)}), "sent ");
  EXPECT_EQ(second_use_after({answered(R"({"detail":"Not authenticated"})", chat("m", "x", 403))}),
            "sent ");
  EXPECT_EQ(second_use_after({answered("", chat("m", "x", 403))}), "new sent ") << "a filter's";
  const Step foreign = with({"Origin: http://evil.example"}, chat("m", "x", 403));
  EXPECT_EQ(second_use_after({answered("", foreign)}), "new sent ") << "Ollama's CORS";
  EXPECT_EQ(second_use_after({answered("bad token", foreign)}), "new sent ");
  EXPECT_EQ(second_use_after({answered("no such model: key", chat("key", "x", 403))}), "new sent ");
  const Step cloud = answered(R"({"signin_url":"https://ollama.com"})", chat("m-cloud", "x", 401));
  EXPECT_EQ(second_use_after({cloud}), "new sent ") << "Ollama's own account";
}

TEST(Keys, AreAcceptedWhereTheLastOfTheirKindWithoutOneWasRefused) {
  EXPECT_EQ(second_use_after({chat("m", "x", 401), chat("m", "x", 200)}), "new sent ");
  EXPECT_EQ(second_use_after({chat("m", "x", 200), chat("m", "x", 401)}), "sent ");
  EXPECT_EQ(second_use_after({get("/v1/models", 401)}), "new sent ") << "another kind";
  EXPECT_EQ(second_use_after({chat("m", "x", 401), get("/v1/models", 200)}), "sent ");
  EXPECT_EQ(second_use_after({chat("m", "x", 401, "sk-wrong")}), "new sent ") << "had a key";
  EXPECT_EQ(second_use_after({chat("m", "x", 401, "{{api_key}}")}), "sent ") << "had none yet";
  Step preflight = with({"Origin: http://a", "Access-Control-Request-Method: POST"},
                        post("/v1/chat/completions", "", 204));
  preflight.method = "OPTIONS";
  EXPECT_EQ(second_use_after({chat("m", "x", 401), preflight}), "sent ") << "opens nothing";
  EXPECT_EQ(second_use_after({chat("m", "x", 401), get("/v1/chat/completions", 200)}), "sent ");
}

TEST(Keys, MadeUpInAnyHeaderOrCookieAreUnaccepted) {
  for (const char* header : {"x-litellm-api-key: made-up-key", "Helicone-Auth: made-up-key",
                             "Cookie: token=made-up-key", "Cf-Access-Jwt-Assertion: made-up-key"}) {
    Judge judge{rules_from(
        "rules:\n  - {id: new, aims: [open-access], score: 1, max: 9, when: {auth: unaccepted}}\n"
        "  - {id: other, aims: [open-access], score: 1, max: 9, when: {auth: other}}\n")};
    const Step use = with({header}, chat("m", "x", 200));
    judge.feed(use);
    EXPECT_EQ(judge.feed(use).detections.size(), 2u) << header;
    judge.feed(chat("m", "x", 401));
    judge.feed(use);
    EXPECT_EQ(judge.feed(use).detections.size(), 1u) << header << ": let in by a closed server";
  }
}

TEST(Keys, ThatChangeByThemselvesAreNoGuesses) {
  Judge judge{
      rules_from("facts:\n  - {id: keys, value: key}\n"
                 "rules:\n  - {id: guess, aims: [open-access], score: 9, when: {path: /x}, source: "
                 "[{distinct: "
                 "keys, at_least: 2}]}\n")};
  for (const char* cookie : {"session=abcdefghi1", "session=abcdefghi2", "session=abcdefghi3"})
    EXPECT_TRUE(judge.feed(with({std::string{"Cookie: "} + cookie}, get("/x"))).detections.empty());
  judge.feed(with({"x-api-key: a"}, get("/x")));
  EXPECT_EQ(judge.feed(with({"x-api-key: b"}, get("/x"))).detections.size(), 1u);
}

TEST(Score, ARateLimitRuleSaysSo) {
  Judge judge{
      rules_from("rules:\n  - {id: a, aims: [compute-theft], score: 60, action: rate-limit, when: "
                 "{path: /a}}\n"
                 "  - {id: b, aims: [compute-theft], score: 50, when: {path: /b}}\n")};
  EXPECT_EQ(judge.feed(get("/a")).limiting, 60);
  const Verdict v = judge.feed(get("/b"));
  EXPECT_NEAR(v.score, 110, 0.1);
  EXPECT_NEAR(v.limiting, 60, 0.1);
  ASSERT_EQ(judge.decisions.size(), 1u);
  EXPECT_EQ(judge.decisions[0].action, Action::kRateLimit);
}

TEST(Trust, IsLostWithOneStrongDetection) {
  Judge judge{rules_from(
      "rules:\n  - {id: strong, aims: [data-or-action], score: 100, when: {path: /evil}}\n"
      "  - {id: weak, aims: [data-or-action], score: 20, when: {path: /odd}}\n")};
  judge.feed(at(0, chat("m", "x", 401)), "203.0.113.50");
  for (int h = 0; h < 20; ++h) judge.feed(at(1 + h * 3600.0, chat("m", "x", 200, "k")));
  EXPECT_EQ(judge.feed(key("k", get("/odd"))).threshold_bonus, 100);
  EXPECT_EQ(judge.feed(key("k", get("/evil"))).threshold_bonus, 0);
  EXPECT_EQ(judge.decisions.size(), 1u);
}

}  // namespace
}  // namespace probewall::test
