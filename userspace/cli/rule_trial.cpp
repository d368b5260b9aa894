// SPDX-License-Identifier: Apache-2.0
#include "cli/rule_trial.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/replay.hpp"
#include "core/flow/kernel_twin.hpp"
#include "core/http/shown_text.hpp"
#include "core/pipeline/pipeline.hpp"
#include "rules_loader/core_settings.hpp"

namespace probewall::cli {
namespace {

constexpr std::size_t kSegment = 1460;
constexpr std::uint32_t kClientIsn = 1000, kServerIsn = 500'000;
constexpr std::uint32_t kTables = 1024;  ///< flows and sources of a few sessions
constexpr std::uint16_t kFirstPort = 20000;

/// The address of the nth session's source.
IpAddress source_address(std::size_t session) {
  return IpAddress::from_v4(0xc612000au + static_cast<std::uint32_t>(session));
}

/// Notes what the core says about the sessions' requests.
class TrialSink final : public PipelineSink {
 public:
  explicit TrialSink(std::size_t sessions) : trials_(sessions) {
    for (std::size_t n = 0; n < sessions; ++n) session_of_[source_address(n)] = n;
  }
  void connect(KernelTwin& twin) { twin_ = &twin; }
  /// From now on requests are the sessions' own, not earlier use.
  void begin() { listing_ = true; }
  Trial& trial(std::size_t session) { return trials_[session]; }
  std::vector<Trial> trials() && { return std::move(trials_); }

  void on_request(const Request& r) override {
    by_answer_ = false;
    const auto session = session_of_.find(r.flow.client);
    if (!listing_ || session == session_of_.end()) return;
    auto& requests = trials_[session->second].requests;
    places_[r.id] = {session->second, requests.size()};
    TrialRequest out;
    out.method = r.head.method;
    out.path = without_keys(r.head.path);
    out.model = without_keys(r.llm.model);
    out.api = r.api;
    out.impl = r.impl;
    requests.push_back(std::move(out));
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
    const auto place = places_.find(d.request_id);
    if (place == places_.end() || trials_[place->second.session].decision) return;
    auto& trial = trials_[place->second.session];
    trial.decision = d;
    trial.requests[place->second.request].decided = true;
    trial.decided_at = place->second.request + 1;
  }
  void on_suppressed(Suppressed, const IpPrefix&) override {}
  void on_loss(Loss, std::uint64_t) override {}
  void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) override {
    twin_->store_skip(slot, tag, resume);
  }

 private:
  TrialRequest* find(std::uint64_t id) {
    const auto found = places_.find(id);
    if (found == places_.end()) return nullptr;
    return &trials_[found->second.session].requests[found->second.request];
  }

  struct Place {
    std::size_t session = 0, request = 0;
  };
  KernelTwin* twin_ = nullptr;
  std::vector<Trial> trials_;
  std::map<IpAddress, std::size_t> session_of_;
  std::map<std::uint64_t, Place> places_;
  bool listing_ = false, by_answer_ = false;
};

Config trial_config(Config config, std::size_t sessions) {
  config.mode = Mode::kObserve;  // no budgets: every request is to be seen
  config.memory.max_flows = kTables;
  config.memory.max_sources = std::max(kTables, static_cast<std::uint32_t>(2 * sessions));
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
  Player(const Config& config, std::shared_ptr<const RuleSet> rules, std::size_t sessions)
      : config_(trial_config(config, sessions)),
        sink_(sessions),
        pipeline_(trial_pipeline(config_), std::move(rules), sink_),
        twin_(replay_twin_config(config_, true), [this](ByteSpan r) { pipeline_.on_record(r); }) {
    sink_.connect(twin_);
  }

  void play(const SessionRequest& request, std::size_t session) {
    pass(request.at_s);
    const auto server = servers_.try_emplace(request.server, servers_.size() + 1).first->second;
    client_ = {};
    client_.kind = PacketKind::kTcp;
    client_.family = PW_FAMILY_IPV4;
    client_.src = source_address(session);
    client_.dst = IpAddress::from_v4(0xc0000200u + static_cast<std::uint32_t>(server % 250));
    client_.src_port = next_port_;
    next_port_ = next_port_ == 65535 ? kFirstPort : next_port_ + 1;
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
    note_score(session);
  }
  void begin() { sink_.begin(); }

  std::vector<Trial> finish(std::size_t last) {
    pipeline_.finish(now_);
    note_score(last);
    return std::move(sink_).trials();
  }

 private:
  void note_score(std::size_t session) {
    const auto source = source_of(source_address(session), config_.block.ipv6_prefix);
    Trial& trial = sink_.trial(session);
    trial.score = pipeline_.report(source, now_).score;
    if (!trial.requests.empty()) trial.requests.back().score = trial.score;
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
  std::uint16_t next_port_ = kFirstPort;
  // Far enough from 0 for earlier use.
  const Timestamp epoch_ = timestamp_from_ns(1'767'052'800'000'000'000ull);
  Timestamp now_{};
};

}  // namespace

std::vector<Trial> try_together(const std::vector<Session>& sessions, const Config& config,
                                const std::shared_ptr<const RuleSet>& rules) {
  struct Sent {
    const SessionRequest* request;
    std::size_t session;
  };
  std::vector<Sent> earlier, own;
  for (std::size_t n = 0; n < sessions.size(); ++n) {
    for (const auto& request : sessions[n].earlier) earlier.push_back({&request, n});
    for (const auto& request : sessions[n].requests) own.push_back({&request, n});
  }
  if (sessions.size() > 1) {  // one session's requests are in the order that is meant
    for (auto* list : {&earlier, &own}) {
      std::stable_sort(list->begin(), list->end(), [](const Sent& a, const Sent& b) {
        return a.request->at_s < b.request->at_s;
      });
    }
  }
  const auto player = std::make_unique<Player>(config, rules, sessions.size());
  for (const Sent& one : earlier) player->play(*one.request, one.session);
  player->begin();
  for (const Sent& one : own) player->play(*one.request, one.session);
  return player->finish(own.empty() ? 0 : own.back().session);
}

Trial try_session(const Session& session, const Config& config,
                  const std::shared_ptr<const RuleSet>& rules) {
  return std::move(try_together({session}, config, rules).front());
}

}  // namespace probewall::cli
