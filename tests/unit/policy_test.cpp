// SPDX-License-Identifier: Apache-2.0
#include "core/policy/policy.hpp"

#include <gtest/gtest.h>

#include "core/rules/rule_set.hpp"

namespace probewall {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr auto kStart = std::chrono::seconds{1'767'052'800};

Request request(Duration at, const char* source = "198.51.100.7/32") {
  Request r;
  r.id = 7;
  r.source = *IpPrefix::parse(source);
  r.time = r.proven_time = Timestamp{kStart + at};
  r.proven = true;
  return r;
}

Verdict verdict(double score) {
  static constexpr Aim kAims[] = {Aim::kOpenAccess};
  Verdict v;
  v.score = score;
  v.detections.push_back({"rule-a", kAims, score, 7, false});
  v.reasons = {{"rule-a", score}};
  v.aims = {Aim::kOpenAccess};
  v.requests_seen = 3;
  return v;
}

TEST(Policy, DecidesAtTheThresholdAndNotBelow) {
  Policy policy{PolicyConfig{}};
  EXPECT_FALSE(policy.decide(verdict(99.5), request({})));
  const auto d = policy.decide(verdict(100), request({}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->action, Action::kBlock);
  EXPECT_EQ(d->duration, minutes{10});
  EXPECT_EQ(d->requests_seen, 3u);
  EXPECT_EQ(d->request_id, 7u);
  EXPECT_EQ(d->level, 1u);
  EXPECT_EQ(d->reasons.size(), 1u);
  EXPECT_EQ(d->aims, std::vector<Aim>{Aim::kOpenAccess});
  EXPECT_NE(d->handle, 0u);
  EXPECT_FALSE(policy.last_suppressed());
}

TEST(Policy, TrustRaisesTheThreshold) {
  Policy policy{PolicyConfig{}};
  Verdict v = verdict(120);
  v.threshold_bonus = 30;
  EXPECT_FALSE(policy.decide(v, request({})));
  v.score = 130;
  EXPECT_TRUE(policy.decide(v, request({})));
}

TEST(Policy, LimitsTheRateWhereRateLimitRulesGaveTheScoreAndBlocksOnlyAtTwiceThat) {
  Policy policy{PolicyConfig{}};
  Verdict v = verdict(110);
  v.limiting = 110;
  auto d = policy.decide(v, request({}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->action, Action::kRateLimit);
  v.score = v.limiting = 150;
  EXPECT_FALSE(policy.decide(v, request(minutes{1}))) << "limited already";
  v.score = 200;
  d = policy.decide(v, request(minutes{2}));
  ASSERT_TRUE(d) << "a block may follow a limit before that ends";
  EXPECT_EQ(d->action, Action::kBlock);
  EXPECT_EQ(d->level, 2u);
  EXPECT_FALSE(policy.decide(v, request(minutes{3})));
}

TEST(Policy, ALimitingRuleAddsHalfItsPointsToABlock) {
  Policy policy{PolicyConfig{}};
  Verdict v = verdict(120);
  v.limiting = 40;
  const auto d = policy.decide(v, request({}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->action, Action::kBlock);
}

TEST(Policy, EachPartOfASourceIsBannedByItself) {
  Policy policy{PolicyConfig{}};
  const auto first = *IpPrefix::parse("2001:db8:5::66/128"),
             second = *IpPrefix::parse("2001:db8:5::67/128");
  const auto ban = policy.decide(verdict(150), request({}, "2001:db8:5::/64"), first);
  ASSERT_TRUE(ban);
  EXPECT_EQ(ban->source, first);
  EXPECT_EQ(ban->scored, *IpPrefix::parse("2001:db8:5::/64"));
  EXPECT_FALSE(policy.decide(verdict(150), request({}, "2001:db8:5::/64"), first));
  EXPECT_TRUE(policy.decide(verdict(150), request({}, "2001:db8:5::/64"), second));
}

TEST(Policy, SaysNothingMoreWhileTheSourceIsBanned) {
  Policy policy{PolicyConfig{}};
  ASSERT_TRUE(policy.decide(verdict(150), request({})));
  EXPECT_FALSE(policy.decide(verdict(400), request(minutes{9})));
  EXPECT_TRUE(policy.banned(*IpPrefix::parse("198.51.100.7"), Timestamp{kStart + minutes{9}}));
  EXPECT_TRUE(policy.decide(verdict(150), request(minutes{10})));
  EXPECT_TRUE(policy.decide(verdict(150), request(minutes{9}, "198.51.100.8/32")));
}

TEST(Policy, AnOldScoreWithoutNewEvidenceBansNobody) {
  Policy policy{PolicyConfig{}};
  Verdict old = verdict(300);
  old.detections.clear();
  EXPECT_FALSE(policy.decide(old, request({})));
  old = verdict(300);
  old.detections[0].shadow = true;
  EXPECT_FALSE(policy.decide(old, request({})));
}

TEST(Policy, EscalatesByTheFactorUpToTheMaximum) {
  PolicyConfig config;
  config.factor = 4;
  config.max_ban = hours{24};
  Policy policy{config};
  Duration now{};
  for (const Duration expected :
       {Duration{minutes{10}}, Duration{minutes{40}}, Duration{minutes{160}},
        Duration{minutes{640}}, Duration{hours{24}}, Duration{hours{24}}}) {
    const auto d = policy.decide(verdict(100), request(now));
    ASSERT_TRUE(d);
    EXPECT_EQ(d->duration, expected);
    now += d->duration;
  }
  EXPECT_EQ(policy.bans(*IpPrefix::parse("198.51.100.7")), 6u);
}

TEST(Policy, LongAgoIsForgiven) {
  PolicyConfig config;
  config.max_ban = hours{24};
  Policy policy{config};
  ASSERT_TRUE(policy.decide(verdict(100), request({})));
  const auto d = policy.decide(verdict(100), request(hours{25}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->level, 1u);
}

TEST(Policy, RestoredHistoryEscalates) {
  Policy policy{PolicyConfig{}};
  policy.restore_history(*IpPrefix::parse("198.51.100.7"), 2, Timestamp{kStart - hours{1}});
  const auto d = policy.decide(verdict(100), request({}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->level, 3u);
  EXPECT_EQ(d->duration, minutes{160});
}

TEST(Policy, AForgottenBanIsAsIfItWasNeverMade) {
  Policy policy{PolicyConfig{}};
  ASSERT_TRUE(policy.decide(verdict(100), request({})));
  policy.forget_ban(*IpPrefix::parse("198.51.100.7"));
  EXPECT_FALSE(policy.banned(*IpPrefix::parse("198.51.100.7"), Timestamp{kStart}));
  const auto d = policy.decide(verdict(100), request(minutes{1}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->level, 1u);
  policy.forget_ban(*IpPrefix::parse("203.0.113.1"));  // was never banned: nothing happens
}

TEST(Policy, WithoutProofThereIsNoDecisionUnlessProofIsNotRequired) {
  Request unproven = request({});
  unproven.proven = false;
  Policy policy{PolicyConfig{}};
  EXPECT_FALSE(policy.decide(verdict(500), unproven));
  EXPECT_EQ(policy.last_suppressed(), Suppressed::kUnproven);
  EXPECT_TRUE(policy.decide(verdict(500), request({})));
  EXPECT_FALSE(policy.last_suppressed());

  PolicyConfig lenient;
  lenient.require_proof = false;
  Policy other{lenient};
  const auto d = other.decide(verdict(500), unproven);
  ASSERT_TRUE(d);
  EXPECT_FALSE(d->proven);
}

TEST(Policy, ObserveModeDecidesOncePerWouldBeBan) {
  PolicyConfig config;
  config.enforce = false;
  Policy policy{config};
  const auto d = policy.decide(verdict(100), request({}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->action, Action::kObserve);
  EXPECT_EQ(policy.last_suppressed(), Suppressed::kObserve);
  EXPECT_FALSE(policy.decide(verdict(200), request(minutes{5})));
  EXPECT_FALSE(policy.last_suppressed());
  const auto second = policy.decide(verdict(200), request(minutes{10}));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->level, 2u);
}

TEST(Policy, AnAnswerDecidesToo) {
  Policy policy{PolicyConfig{}};
  Response response;
  response.request_id = 11;
  response.source = *IpPrefix::parse("198.51.100.7");
  response.time = Timestamp{kStart};
  const auto d = policy.decide(verdict(100), response, nullptr);
  ASSERT_TRUE(d);
  EXPECT_EQ(d->request_id, 11u);
  EXPECT_EQ(d->time, Timestamp{kStart});
  Request unproven = request({});
  unproven.proven = false;
  response.source = *IpPrefix::parse("198.51.100.8");
  EXPECT_FALSE(policy.decide(verdict(100), response, &unproven));
}

TEST(Policy, IdsAre26CharactersOrderedByTimeAndReproducible) {
  Policy a{PolicyConfig{}}, b{PolicyConfig{}};
  PolicyConfig seeded;
  seeded.id_seed = 5;
  Policy c{seeded};
  const auto first = a.decide(verdict(100), request({}));
  const auto again = b.decide(verdict(100), request({}));
  const auto other = c.decide(verdict(100), request({}));
  const auto later = a.decide(verdict(100), request(minutes{1}, "203.0.113.1/32"));
  ASSERT_TRUE(first && again && other && later);
  EXPECT_EQ(first->id.size(), 26u);
  EXPECT_EQ(first->id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string::npos);
  EXPECT_EQ(first->id, again->id);
  EXPECT_EQ(first->handle, again->handle);
  EXPECT_NE(first->id, other->id);
  EXPECT_LT(first->id, later->id);
}

TEST(Policy, HistoryKeepsToItsBoundAndForgetsTheOldest) {
  PolicyConfig config;
  config.max_history = 100;
  Policy policy{config};
  for (int i = 0; i < 1000; ++i) {
    const std::string source =
        "198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250) + "/32";
    policy.decide(verdict(100), request(minutes{i}, source.c_str()));
    ASSERT_LE(policy.history_size(), 100u);
  }
  EXPECT_EQ(policy.bans(*IpPrefix::parse("198.51.0.0")), 0u);
  EXPECT_EQ(policy.bans(*IpPrefix::parse("198.51.3.249")), 1u);
}

}  // namespace
}  // namespace probewall
