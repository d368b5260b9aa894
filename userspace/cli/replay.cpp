// SPDX-License-Identifier: Apache-2.0
#include "cli/replay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <limits>

#include "capture_file/capture_reader.hpp"
#include "cli/orientation.hpp"
#include "cli/replay_sink.hpp"
#include "core/flow/kernel_twin.hpp"
#include "events/event_file.hpp"
#include "rules_loader/core_settings.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall {
namespace {

/// Time-outs are looked at once per second of capture time.
constexpr Duration kTick = std::chrono::seconds{1};

}  // namespace

TwinConfig replay_twin_config(const Config& c, bool ports_all) {
  TwinConfig t;
  t.settings = default_twin_settings();
  t.settings.enforcing = c.mode == Mode::kEnforce;
  t.settings.drop_fragments = c.limits.drop_fragments;
  t.settings.request_budget = std::min<std::uint32_t>(c.capture.bytes_per_request, PW_CAP_MAX);
  t.settings.max_skip = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(c.limits.body_bytes, std::numeric_limits<std::int32_t>::max()));
  t.settings.ipv6_source_prefix = static_cast<std::uint8_t>(c.block.ipv6_prefix);
  // Budgets protect rings, which a file has not: observe mode gives exact counts.
  if (c.mode == Mode::kEnforce) {
    t.settings.capture_bytes_per_s = c.capture.source_bytes_per_second;
    t.settings.capture_burst_bytes = 2 * c.capture.source_bytes_per_second;
    t.settings.rate_requests_per_s = c.rate.requests;
    t.settings.rate_burst = c.rate.burst;
  }
  t.ports.resize(65536);
  if (ports_all) {
    for (pw_port& port : t.ports) port.flags = PW_PORT_LLM;
  }
  for (const std::uint16_t port : c.ports) t.ports[port].flags |= PW_PORT_LLM;
  for (const std::uint16_t port : c.ssh_ports) t.ports[port].flags |= PW_PORT_SSH;
  for (const std::uint16_t port : c.decoy_ports) {
    t.ports[port].flags |= PW_PORT_DECOY;
    t.ports[port].service = PW_SERVICE_DECOY;
  }
  t.max_flows = c.memory.max_flows;
  t.max_sources = std::min(c.memory.max_sources, 65536u);
  return t;
}

namespace {

/// One replay: file -> direction -> twin -> core -> lines.
class Replay {
 public:
  Replay(const ReplayOptions& options, std::shared_ptr<const RuleSet> rules, const TextOutput& out)
      : twin_config_(replay_twin_config(options.config, options.ports_all)),
        orientation_(twin_config_.ports, options.ports_all),
        sink_(options, out),
        pipeline_(core_settings(options.config), std::move(rules), sink_),
        twin_(twin_config_, [this](ByteSpan record) { pipeline_.on_record(record); }) {
    sink_.connect(pipeline_, twin_);
    for (const IpPrefix& prefix : options.config.allow) twin_.allow(prefix, PW_ALLOW_ALL);
    for (const IpPrefix& prefix : options.config.trusted_proxies) twin_.allow(prefix, PW_ALLOW_ALL);
  }

  ReadStatus run(CaptureReader& reader) {
    CapturedPacket packet;
    ReadStatus status;
    while ((status = reader.next(packet)) == ReadStatus::kPacket) take(packet, reader.link());
    pipeline_.finish(now_);
    return status;
  }

  void summarise(double elapsed_s) {
    const pw_counters& c = twin_.counters();
    std::uint64_t malformed = 0;
    for (const auto n : c.parse_errors) malformed += n;
    sink_.add_loss("malformed_packet", malformed, now_);
    sink_.add_loss("packet_cut_by_snap_length", cut_, now_);
    sink_.add_loss("syn_with_data", c.events[PW_EVENT_SYN_WITH_DATA], now_);
    sink_.add_loss("over_budget_bytes", c.events[PW_EVENT_OVER_BUDGET_BYTES], now_);
    ReplaySummary summary;
    summary.packets = packets_;
    summary.flows = pipeline_.stats().flows_total;
    summary.elapsed_s = elapsed_s;
    sink_.finish(summary, now_);
  }

  /// Why nothing was judged, where the packets show it; empty where something was.
  std::string_view advice() const {
    if (sink_.requests() > 0 || packets_ == 0) return {};
    if (from_clients_ > 0 && from_servers_ == 0) {
      return "every packet is a client's; a sender is proven by what the server answers, so "
             "nothing was judged: capture both directions";
    }
    if (from_clients_ == 0 && from_servers_ > 0) {
      return "every packet is a server's, so there is no request: capture both directions";
    }
    if (from_clients_ == 0 && of_other_ports_ > 0) {
      return "no packet belongs to a judged port (`ports` of the configuration); --ports all "
             "judges every TCP port";
    }
    return {};
  }

 private:
  void take(const CapturedPacket& captured, LinkType link) {
    ++packets_;
    // Merged captures are not always in order; the core's time never goes back.
    now_ = std::max(now_, captured.time);
    if (now_ >= next_tick_) {
      pipeline_.on_tick(now_);
      next_tick_ = now_ + kTick;
    }
    const PacketView packet =
        parse_packet(captured.frame, {link, captured.wire_len, /*zero_length_is_offload=*/true});
    if (packet.kind != PacketKind::kTcp) {
      twin_.ingress(packet, now_);
      return;
    }
    const Direction direction = orientation_.of(packet);
    if (direction == Direction::kNotOurs) {
      ++of_other_ports_;
      return;
    }
    if (packet.payload.size() < packet.payload_len) ++cut_;
    if (direction == Direction::kFromClient) {
      ++from_clients_;
      twin_.ingress(packet, now_);
    } else {
      ++from_servers_;
      twin_.egress(packet, now_);
    }
  }

  const TwinConfig twin_config_;
  Orientation orientation_;
  ReplaySink sink_;
  Pipeline pipeline_;
  KernelTwin twin_;
  Timestamp now_{}, next_tick_{};
  std::uint64_t packets_ = 0, cut_ = 0;
  std::uint64_t from_clients_ = 0, from_servers_ = 0, of_other_ports_ = 0;  ///< TCP packets
};

Result<std::shared_ptr<const RuleSet>> rules_of(const ReplayOptions& options) {
  if (options.rules) return options.rules;
  return load_rules(options.config);
}

}  // namespace

int replay(const ReplayOptions& options, const TextOutput& out, const TextOutput& err) {
  const auto started = std::chrono::steady_clock::now();
  const auto failed = [&](const Error& error) {
    err("probewall replay: " + error.message + "\n");
    return static_cast<int>(error.status);
  };
  auto reader = CaptureReader::open(options.file);
  if (!reader) return failed(reader.error());
  const auto rules = rules_of(options);
  if (!rules) return failed(rules.error());

  auto run = std::make_unique<Replay>(options, *rules, out);
  const ReadStatus status = run->run(*reader);
  run->summarise(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  if (const auto advice = run->advice(); !advice.empty()) {
    err(fmt::format("probewall replay: note: {}\n", advice));
  }
  if (options.last) static_cast<void>(run.release());
  if (status == ReadStatus::kEnd) return static_cast<int>(ExitStatus::kOk);
  return failed(Error{reader->error() + "; what came before it has been judged"});
}

int run_replay(const ReplayOptions& options) {
  auto file = EventFile::open("-");
  if (!file) return static_cast<int>(ExitStatus::kFailed);
  std::string errors;
  int status = replay(
      options, [&](std::string_view lines) { file->write(lines); },
      [&](std::string_view line) { errors += line; });
  file->flush();
  if (file->lost_lines() > 0) {
    errors += fmt::format("probewall replay: {}; {} lines are missing\n",
                          file->problem().empty() ? "standard output failed" : file->problem(),
                          file->lost_lines());
    status = static_cast<int>(ExitStatus::kFailed);
  }
  std::fwrite(errors.data(), 1, errors.size(), stderr);
  return status;
}

}  // namespace probewall
