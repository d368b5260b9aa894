// SPDX-License-Identifier: Apache-2.0
#include "cli/rule_trial.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/replay.hpp"
#include "core/flow/kernel_twin.hpp"
#include "core/pipeline/pipeline.hpp"
#include "rules_loader/core_settings.hpp"

namespace probewall::cli {
namespace {

constexpr std::size_t kSegment = 1460;
constexpr std::uint32_t kClientIsn = 1000, kServerIsn = 500'000;
constexpr std::uint32_t kTables = 1024;  ///< flows and sources of one session

/// Notes what the core says about the session's requests.
class TrialSink final : public PipelineSink {
 public:
  void connect(KernelTwin& twin) { twin_ = &twin; }
  /// From now on requests are the session's own, not earlier use.
  void begin() { listing_ = true; }
  Trial& trial() { return trial_; }

  void on_request(const Request& r) override {
    by_answer_ = false;
    if (!listing_) return;
    numbers_[r.id] = trial_.requests.size();
    TrialRequest out;
    out.method = r.head.method;
    out.path = r.head.path;
    out.model = r.llm.model;
    out.api = r.api;
    out.impl = r.impl;
    trial_.requests.push_back(std::move(out));
  }
  void on_response(const Response& r) override {
    by_answer_ = true;
    if (auto* request = find(r.request_id)) request->status = r.status;
  }
  void on_detection(const Detection& d, const Request&) override {
    if (auto* request = find(d.request_id))
      request->hits.push_back({std::string{d.rule}, d.points, d.shadow, by_answer_});
  }
  void on_decision(const Decision& d, const Request&) override {
    if (trial_.decision) return;
    trial_.decision = d;
    if (auto* request = find(d.request_id)) {
      request->decided = true;
      trial_.decided_at = numbers_[d.request_id] + 1;
    }
  }
  void on_suppressed(Suppressed, const IpPrefix&) override {}
  void on_loss(Loss, std::uint64_t) override {}
  void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) override {
    twin_->store_skip(slot, tag, resume);
  }

 private:
  TrialRequest* find(std::uint64_t id) {
    const auto found = numbers_.find(id);
    return found == numbers_.end() ? nullptr : &trial_.requests[found->second];
  }

  KernelTwin* twin_ = nullptr;
  Trial trial_;
  std::map<std::uint64_t, std::size_t> numbers_;
  bool listing_ = false, by_answer_ = false;
};

Config trial_config(Config config) {
  config.mode = Mode::kObserve;  // no budgets: every request is to be seen
  config.memory.max_flows = kTables;
  config.memory.max_sources = kTables;
  return config;
}

PipelineConfig trial_pipeline(const Config& config) {
  auto p = core_settings(config);
  p.policy.enforce = true;  // the question is what would be done
  return p;
}

/// Sends the packets of connections, one request each, and their answers.
class Player {
 public:
  Player(const Config& config, std::shared_ptr<const RuleSet> rules)
      : config_(trial_config(config)),
        pipeline_(trial_pipeline(config_), std::move(rules), sink_),
        twin_(replay_twin_config(config_, true), [this](ByteSpan r) { pipeline_.on_record(r); }) {
    sink_.connect(twin_);
  }

  void play(const SessionRequest& request) {
    pass(request.at_s);
    const auto server = servers_.try_emplace(request.server, servers_.size() + 1).first->second;
    client_ = {};
    client_.kind = PacketKind::kTcp;
    client_.family = PW_FAMILY_IPV4;
    client_.src = *IpAddress::parse("198.18.0.10");
    client_.dst = IpAddress::from_v4(0xc0000200u + static_cast<std::uint32_t>(server % 250));
    client_.src_port = next_port_++;
    client_.dst_port = request.port;
    std::uint32_t sent = 0, answered = 0;
    from_client(kClientIsn, 0, tcp_flag::kSyn, {});
    from_server(kServerIsn, kClientIsn + 1, tcp_flag::kSyn | tcp_flag::kAck, {});
    for (; sent < request.bytes.size(); sent += kSegment) {
      const auto piece = std::string_view{request.bytes}.substr(sent, kSegment);
      from_client(kClientIsn + 1 + sent, kServerIsn + 1, tcp_flag::kAck | tcp_flag::kPsh, piece);
    }
    const std::uint32_t end = kClientIsn + 1 + static_cast<std::uint32_t>(request.bytes.size());
    from_server(kServerIsn + 1, end, tcp_flag::kAck, {});
    for (; answered < request.answer.size(); answered += kSegment) {
      const auto piece = std::string_view{request.answer}.substr(answered, kSegment);
      from_server(kServerIsn + 1 + answered, end, tcp_flag::kAck | tcp_flag::kPsh, piece);
    }
    from_client(end, kServerIsn + 1 + static_cast<std::uint32_t>(request.answer.size()),
                tcp_flag::kFin | tcp_flag::kAck, {});
    note_score();
  }
  void begin() { sink_.begin(); }

  Trial finish() {
    pipeline_.finish(now_);
    note_score();
    auto& trial = sink_.trial();
    trial.score = pipeline_.report(source(), now_).score;
    return std::move(trial);
  }

 private:
  IpPrefix source() const {
    return source_of(*IpAddress::parse("198.18.0.10"), config_.block.ipv6_prefix);
  }
  void note_score() {
    if (!sink_.trial().requests.empty())
      sink_.trial().requests.back().score = pipeline_.report(source(), now_).score;
  }
  /// Time never goes back, and each request has its own millisecond.
  void pass(double at_s) {
    const auto wanted = epoch_ + Duration{static_cast<std::int64_t>(std::llround(at_s * 1e9))};
    now_ = std::max(now_ + std::chrono::milliseconds{1}, wanted);
    pipeline_.on_tick(now_);
  }
  void step(PacketView& packet, std::uint32_t seq, std::uint32_t ack, unsigned flags,
            std::string_view payload) {
    now_ += std::chrono::microseconds{20};
    packet.seq = seq;
    packet.ack = ack;
    packet.flags = static_cast<std::uint8_t>(flags);
    packet.payload = as_byte_span(payload);
    packet.payload_len = static_cast<std::uint32_t>(payload.size());
    packet.frame_len = packet.payload_len + 54;
  }
  void from_client(std::uint32_t seq, std::uint32_t ack, unsigned flags, std::string_view payload) {
    auto packet = client_;
    step(packet, seq, ack, flags, payload);
    twin_.ingress(packet, now_);
  }
  void from_server(std::uint32_t seq, std::uint32_t ack, unsigned flags, std::string_view payload) {
    auto packet = client_;
    std::swap(packet.src, packet.dst);
    std::swap(packet.src_port, packet.dst_port);
    step(packet, seq, ack, flags, payload);
    twin_.egress(packet, now_);
  }

  const Config config_;
  TrialSink sink_;
  Pipeline pipeline_;
  KernelTwin twin_;
  PacketView client_;
  std::map<std::string, std::size_t> servers_;
  std::uint16_t next_port_ = 20000;
  // Far enough from 0 for earlier use.
  const Timestamp epoch_ = timestamp_from_ns(1'767'052'800'000'000'000ull);
  Timestamp now_{};
};

}  // namespace

Trial try_session(const Session& session, const Config& config,
                  const std::shared_ptr<const RuleSet>& rules) {
  const auto player = std::make_unique<Player>(config, rules);
  for (const auto& request : session.earlier) player->play(request);
  player->begin();
  for (const auto& request : session.requests) player->play(request);
  return player->finish();
}

}  // namespace probewall::cli
