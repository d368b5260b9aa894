// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_sink.hpp"

#include <fmt/format.h>

#include <string>

namespace probewall {
namespace {

EventOptions event_options(const Config& config) {
  EventOptions o;
  o.prompt = config.events.prompt;
  return o;
}

/// Rule ids come from rule files, not from the wire.
std::string rule_list(const Decision& decision) {
  std::string text;
  for (const Reason& reason : decision.reasons) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{}(+{:g})", reason.rule, reason.points);
  }
  return text;
}

std::string time_text(Timestamp time) {
  std::string text;
  TimeAppender{}.append(text, time.time_since_epoch().count());
  return text;
}

}  // namespace

ReplaySink::ReplaySink(const ReplayOptions& options, const TextOutput& out)
    : options_(options), out_(out), format_(event_options(options.config)) {}

void ReplaySink::connect(Pipeline& pipeline, KernelTwin& twin) {
  pipeline_ = &pipeline;
  twin_ = &twin;
}

void ReplaySink::on_request(const Request& request) {
  ++requests_;
  if (options_.json) out_(format_.request(request));
}

void ReplaySink::on_response(const Response& response) {
  if (options_.json) out_(format_.response(response));
}

void ReplaySink::on_detection(const Detection& detection, const Request& request) {
  ++detections_;
  if (options_.json) out_(format_.detection(detection, request));
}

void ReplaySink::on_decision(const Decision& decision, const Request&) {
  // What the guard would refuse is no decision; the allow set is the configuration's alone.
  if (twin_->allows_any_of(decision.source)) {
    on_suppressed(Suppressed::kAllowed, decision.source);
    pipeline_->refuse_ban(decision.source);
    return;
  }
  ++decisions_;
  if (decision.action == Action::kBlock) {
    twin_->block(decision.source, PW_ACTION_DROP, PW_ORIGIN_DETECTOR,
                 decision.time + decision.duration);
  } else if (decision.action == Action::kRateLimit) {
    twin_->block(decision.source, PW_ACTION_RATE_LIMIT, PW_ORIGIN_DETECTOR,
                 decision.time + decision.duration);
  }
  if (options_.json) {
    out_(format_.decision(decision));
  } else {
    print_table_row(decision);
  }
}

IpPrefix ReplaySink::ban_target(const IpPrefix& source, const IpAddress& client) {
  const auto alone = source_of(client, 128);
  return twin_->allows_any_of(source) && !twin_->allows_any_of(alone) ? alone : source;
}

void ReplaySink::on_suppressed(Suppressed reason, const IpPrefix&) {
  ++suppressed_[static_cast<std::size_t>(reason)];
}

void ReplaySink::on_exposure(const Exposure& exposure) {
  if (options_.json) out_(format_.exposure(exposure));
}

void ReplaySink::on_loss(Loss what, std::uint64_t count) {
  losses_[static_cast<std::size_t>(what)] += count;
}

void ReplaySink::on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) {
  twin_->store_skip(slot, tag, resume);
}

void ReplaySink::print_table_row(const Decision& d) {
  constexpr const char* kRow = "{:<43} {:<10} {:>6} {:>8} {:<27} {}\n";
  if (decisions_ == 1) {
    out_(fmt::format(kRow, "SOURCE", "ACTION", "SCORE", "REQUESTS", "UNTIL", "RULES"));
  }
  const bool ends = d.duration > Duration::zero();
  out_(fmt::format(kRow, d.source.to_string(), to_string(d.action), fmt::format("{:.0f}", d.score),
                   d.requests_seen, ends ? time_text(d.time + d.duration) : "-", rule_list(d)));
}

void ReplaySink::add_loss(std::string_view what, std::uint64_t count, Timestamp time) {
  if (count == 0) return;
  if (options_.json) {
    out_(format_.loss(time, what, count));
  } else {
    out_(fmt::format("not judged: {} {}\n", count, what));
  }
}

void ReplaySink::finish(const ReplaySummary& counted, Timestamp time) {
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    add_loss(to_string(static_cast<Loss>(i)), losses_[i], time);
  }
  ReplaySummary s = counted;
  s.requests = requests_;
  s.detections = detections_;
  s.decisions = decisions_;
  if (options_.json) {
    out_(format_.summary(s));
    return;
  }
  for (std::size_t i = 0; i < suppressed_.size(); ++i) {
    // Observing is what was asked for, not something held back.
    if (suppressed_[i] == 0 || static_cast<Suppressed>(i) == Suppressed::kObserve) continue;
    out_(fmt::format("not banned: {} ({})\n", suppressed_[i],
                     to_string(static_cast<Suppressed>(i))));
  }
  out_(fmt::format("{} packets, {} flows, {} requests, {} detections, {} decisions in {:.3f} s\n",
                   s.packets, s.flows, s.requests, s.detections, s.decisions, s.elapsed_s));
}

}  // namespace probewall
