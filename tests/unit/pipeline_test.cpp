// SPDX-License-Identifier: Apache-2.0
// The whole middle, from the kernel twin's records to decisions.
#include "core/pipeline/pipeline.hpp"

#include <gtest/gtest.h>

#include "unit/test_rules.hpp"
#include "unit/twin_lab.hpp"

namespace probewall {
namespace {

using testing::test_rules;
using testing::TwinLab;

std::string request_of(const std::string& agent, const std::string& path = "/v1/models") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\nUser-Agent: " + agent + "\r\n\r\n";
}
constexpr const char* kRefused = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";

struct Recorder final : PipelineSink {
  std::vector<Request> requests;
  std::vector<Response> responses;
  std::vector<std::string> detections, exposures;
  std::vector<Decision> decisions;
  std::vector<Suppressed> suppressed;
  std::uint64_t lost[static_cast<std::size_t>(Loss::kCount)] = {};

  void on_request(const Request& r) override { requests.push_back(r); }
  void on_response(const Response& r) override { responses.push_back(r); }
  void on_exposure(const Exposure& e) override { exposures.push_back(e.evidence()); }
  void on_detection(const Detection& d, const Request&) override {
    detections.emplace_back(d.rule);
  }
  void on_decision(const Decision& d, const Request& r) override {
    decisions.push_back(d);
    EXPECT_EQ(d.request_id, r.id);
    EXPECT_EQ(d.scored, r.source);
  }
  IpPrefix ban_target(const IpPrefix& source, const IpAddress& client) override {
    return spare_neighbours ? source_of(client, 128) : source;
  }
  bool spare_neighbours = false;
  void on_suppressed(Suppressed s, const IpPrefix&) override { suppressed.push_back(s); }
  void on_loss(Loss what, std::uint64_t n) override { lost[static_cast<std::size_t>(what)] += n; }
  void on_skip(std::uint32_t, std::uint32_t, std::uint32_t) override {}
};

/// A pipeline fed by the twin.
struct PipelineLab {
  explicit PipelineLab(PipelineConfig config = {}) : pipeline(config, test_rules(), sink) {}

  void drain() {
    for (const testing::TwinRecord& r : lab.take()) {
      std::string bytes(reinterpret_cast<const char*>(&r.header), sizeof r.header);
      bytes += r.bytes;
      pipeline.on_record(as_byte_span(bytes));
    }
  }
  /// One connection with one request, answered or not.
  void exchange(std::uint16_t port, const std::string& request, const std::string& answer = {}) {
    lab.base.src_port = port;
    lab.server_sent = 0;
    lab.handshake();
    lab.client(0, request);
    if (!answer.empty()) lab.server_ack(static_cast<std::uint32_t>(request.size()), answer);
    drain();
  }

  TwinLab lab;
  Recorder sink;
  Pipeline pipeline;
};

const IpPrefix kSource = *IpPrefix::parse("198.51.100.7/32");

TEST(Pipeline, DecidesOnTheRequestThatReachesTheThreshold) {
  PipelineLab p;
  p.exchange(1000, request_of("curl"));
  p.exchange(1001, request_of("badscan"));
  ASSERT_EQ(p.sink.decisions.size(), 1u);
  const Decision& d = p.sink.decisions[0];
  EXPECT_EQ(d.action, Action::kBlock);
  EXPECT_EQ(d.source, kSource);
  EXPECT_EQ(d.requests_seen, 2u);
  EXPECT_EQ(d.request_id, p.sink.requests[1].id);
  EXPECT_EQ(d.score, 100);
  EXPECT_EQ(d.duration, std::chrono::minutes{10});
  EXPECT_TRUE(d.proven);
}

TEST(Pipeline, DecidesAfterAnAnswerThatCompletesTheEvidence) {
  PipelineLab p;
  p.exchange(1000, request_of("halfscan"));
  EXPECT_TRUE(p.sink.decisions.empty());
  p.exchange(1001, request_of("halfscan"), kRefused);
  ASSERT_EQ(p.sink.responses.size(), 1u);
  ASSERT_EQ(p.sink.decisions.size(), 1u);
  EXPECT_EQ(p.sink.decisions[0].request_id, p.sink.requests[1].id);
  EXPECT_EQ(p.sink.detections.back(), "half-refused");
}

TEST(Pipeline, ObservesWithoutBlocking) {
  PipelineConfig config;
  config.policy.enforce = false;
  PipelineLab p(config);
  p.exchange(1000, request_of("badscan"));
  ASSERT_EQ(p.sink.decisions.size(), 1u);
  EXPECT_EQ(p.sink.decisions[0].action, Action::kObserve);
  ASSERT_EQ(p.sink.suppressed.size(), 1u);
  EXPECT_EQ(p.sink.suppressed[0], Suppressed::kObserve);
}

TEST(Pipeline, NeverScoresBytesWithoutProof) {
  PipelineLab p;
  for (std::uint16_t port = 1000; port < 1050; ++port) {
    p.lab.base.src_port = port;
    p.lab.client(0, request_of("badscan"));  // no handshake
    p.lab.server_ack(static_cast<std::uint32_t>(request_of("badscan").size()), {}, 0x14);
  }
  p.drain();
  p.pipeline.finish(p.lab.now);
  EXPECT_TRUE(p.sink.detections.empty());
  EXPECT_TRUE(p.sink.decisions.empty());
  EXPECT_EQ(p.pipeline.report(kSource, p.lab.now).score, 0);
  EXPECT_GT(p.sink.lost[static_cast<std::size_t>(Loss::kUnprovenBytes)], 0u);
}

TEST(Pipeline, AddsNoPointToAVictimWhoTalksAtTheSameTime) {
  PipelineLab p;
  p.lab.handshake();
  const std::string honest = request_of("curl", "/v1/models?first");
  p.lab.client(0, honest.substr(0, 20));
  // Injected into the live connection by someone who knows all but the server's sequence numbers:
  // over bytes that came, over bytes to come, ahead of them.
  for (const std::uint32_t offset : {0u, 10u, 25u, 400u, 70000u}) {
    auto forged = p.lab.client_segment(offset, request_of("badscan"));
    forged.ack = 0x50000000u;
    p.lab.from_client(forged);
  }
  p.lab.client(20, honest.substr(20));
  p.lab.server_ack(static_cast<std::uint32_t>(honest.size()), "HTTP/1.1 200 OK\r\n\r\n{}");
  p.drain();
  ASSERT_EQ(p.sink.requests.size(), 1u);
  EXPECT_EQ(p.sink.requests[0].head.target, "/v1/models?first");
  EXPECT_FALSE(p.sink.requests[0].conflicting);
  EXPECT_EQ(p.pipeline.report(kSource, p.lab.now).score, 0);
}

TEST(Pipeline, ShowsConflictingRequestsAndHoldsThemAgainstNobody) {
  PipelineLab p;
  const std::string one = request_of("badscan"), two = request_of("goodone");
  ASSERT_EQ(one.size(), two.size());
  p.lab.handshake();
  p.lab.client(30, one.substr(30));  // both wait for the same ACK
  p.lab.client(30, two.substr(30));
  p.lab.client(0, one.substr(0, 30));
  p.lab.server_ack(static_cast<std::uint32_t>(one.size()));
  p.drain();
  p.pipeline.finish(p.lab.now);
  ASSERT_EQ(p.sink.requests.size(), 1u);
  EXPECT_TRUE(p.sink.requests[0].conflicting);
  EXPECT_TRUE(p.sink.decisions.empty());
  EXPECT_EQ(p.pipeline.report(kSource, p.lab.now).score, 0);
}

TEST(Pipeline, JudgesReorderedBytesOnceTheServerAcknowledgedThem) {
  PipelineLab p;
  const std::string bad = request_of("badscan");
  p.lab.handshake();
  p.lab.client(30, bad.substr(30));
  p.lab.client(0, bad.substr(0, 30));
  p.drain();
  EXPECT_TRUE(p.sink.decisions.empty());
  p.lab.now += std::chrono::microseconds{25};
  p.lab.server_ack(static_cast<std::uint32_t>(bad.size()));
  p.drain();
  ASSERT_EQ(p.sink.decisions.size(), 1u);
  EXPECT_EQ(p.sink.decisions[0].time, p.lab.now) << "the time of the proof";
}

TEST(Pipeline, DecidesAgainAfterARefusedBanAndForgetsALiftedOne) {
  PipelineLab p;
  p.exchange(1000, request_of("badscan"));
  p.exchange(1001, request_of("badscan"));
  ASSERT_EQ(p.sink.decisions.size(), 1u) << "banned already";
  p.pipeline.refuse_ban(kSource);
  EXPECT_GE(p.pipeline.report(kSource, p.lab.now).score, 100);
  p.pipeline.forget_ban(kSource);
  EXPECT_EQ(p.pipeline.report(kSource, p.lab.now).score, 0);
  EXPECT_EQ(p.pipeline.report(kSource, p.lab.now).bans, 0u);
}

TEST(Pipeline, BansAnAddressAloneAndItsNeighboursNextWhenTheirPrefixMustNotBeBanned) {
  PipelineLab p;
  p.sink.spare_neighbours = true;
  p.lab.base.dst = "2001:db8:2::1";
  const char* const clients[] = {"2001:db8:5::66", "2001:db8:5::67", "2001:db8:5::66"};
  std::uint16_t port = 1000;
  for (const char* client : clients) {
    p.lab.base.src = client;
    p.exchange(port++, request_of("badscan"));
  }
  ASSERT_EQ(p.sink.decisions.size(), 2u);
  EXPECT_EQ(p.sink.decisions[0].source.to_string(), "2001:db8:5::66/128");
  EXPECT_EQ(p.sink.decisions[1].source.to_string(), "2001:db8:5::67/128");
  EXPECT_EQ(p.sink.decisions[1].level, 1u);
  EXPECT_EQ(p.sink.decisions[1].scored.to_string(), "2001:db8:5::/64");
  EXPECT_EQ(p.pipeline.report(p.sink.decisions[0].scored, p.lab.now).score, 0)
      << "what one address did is not held against its neighbours";
}

PipelineConfig rate_of_one() {
  PipelineConfig config;
  config.policy.rate_requests = 1;
  config.policy.rate_burst = 2;
  return config;
}

TEST(Pipeline, RateLimitsASourceThatPipelinesMoreThanItsRate) {
  PipelineLab p(rate_of_one());
  std::string segment;
  for (int i = 0; i < 20; ++i) segment += request_of("curl", "/" + std::to_string(i));
  p.exchange(1000, segment);
  EXPECT_EQ(p.sink.requests.size(), 20u);
  ASSERT_EQ(p.sink.decisions.size(), 1u) << "one decision, not one a request";
  const Decision& d = p.sink.decisions[0];
  EXPECT_EQ(d.action, Action::kRateLimit);
  EXPECT_EQ(d.source, kSource);
  EXPECT_EQ(d.duration, std::chrono::minutes{1});
  EXPECT_EQ(p.pipeline.report(kSource, p.lab.now).bans, 0u);
  p.lab.now += std::chrono::minutes{2};
  p.exchange(1001, segment);
  EXPECT_EQ(p.sink.decisions.size(), 2u) << "and again when it goes on after that";
}

TEST(Pipeline, TakesANewRateWhileRunning) {
  PipelineLab p(rate_of_one());
  const std::string five = request_of("curl") + request_of("curl") + request_of("curl") +
                           request_of("curl") + request_of("curl");
  PolicyConfig policy = rate_of_one().policy;
  policy.rate_burst = 10;
  p.pipeline.set_policy(policy);
  p.exchange(1000, five);
  EXPECT_TRUE(p.sink.decisions.empty());
  policy.rate_burst = 2;
  p.pipeline.set_policy(policy);
  p.lab.now += std::chrono::minutes{1};
  p.exchange(1001, five);
  EXPECT_EQ(p.sink.decisions.size(), 1u);
}

TEST(Pipeline, LeavesTheRateOfSingleRequestsToTheKernel) {
  PipelineLab p(rate_of_one());
  for (std::uint16_t port = 1000; port < 1020; ++port) p.exchange(port, request_of("curl"));
  p.exchange(1020, request_of("curl") + request_of("curl"));
  EXPECT_EQ(p.sink.requests.size(), 22u);
  EXPECT_TRUE(p.sink.decisions.empty()) << "two at once are within the burst";
}

TEST(Pipeline, TellsWhichKeyOpenedAServer) {
  PipelineLab p;
  p.exchange(40'000, "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk-1234\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");

  ASSERT_EQ(p.sink.exposures.size(), 1u);
  EXPECT_NE(p.sink.exposures[0].find("with a key out of a manual"), std::string::npos);
}

TEST(Pipeline, CountsBrokenRecordsAndGoesOn) {
  PipelineLab p;
  p.pipeline.on_record({});
  p.pipeline.on_record(as_byte_span(std::string_view{"short"}));
  p.pipeline.on_record(as_byte_span(std::string(sizeof(pw_record), '\xff')));
  p.exchange(1000, request_of("badscan"));
  EXPECT_EQ(p.sink.lost[static_cast<std::size_t>(Loss::kMalformedRecord)], 3u);
  EXPECT_EQ(p.sink.decisions.size(), 1u);
  EXPECT_EQ(p.pipeline.stats().requests_total, 1u);
}

TEST(Pipeline, GivesTheSameDecisionsForTheSameRecords) {
  std::vector<std::string> ids[2];
  for (auto& list : ids) {
    PipelineLab p;
    for (std::uint16_t port = 1000; port < 1005; ++port) {
      p.lab.base.src = "198.51.100." + std::to_string(port - 990);
      p.exchange(port, request_of("badscan"));
    }
    for (const Decision& d : p.sink.decisions) list.push_back(d.id);
  }
  EXPECT_EQ(ids[0].size(), 5u);
  EXPECT_EQ(ids[0], ids[1]);
}

}  // namespace
}  // namespace probewall
