// SPDX-License-Identifier: Apache-2.0
#include "bench/capture_table.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <unistd.h>

#include <barrier>
#include <cerrno>
#include <memory>
#include <optional>
#include <thread>

#include "bench/bench_abi.h"
#include "bench/filter.hpp"
#include "bench/ring_drain.hpp"
#include "bench/test_run.hpp"
#include "bench/world.hpp"
#include "probewall/abi/counters.h"
#include "source_walk.skel.h"
#include "support/packet.hpp"

namespace probewall::bench {
namespace {

constexpr std::uint16_t kServerPort = 8000, kClientPort = 40000;
constexpr const char* kServer = "192.0.2.1";
constexpr std::uint32_t kSlice = 2000;  ///< packets between two emptyings; far below a ring

enum class Segment : std::uint8_t {
  kRequest,   ///< proven, begins with a request line: captured whole
  kBody,      ///< proven, in the middle of a body whose budget is spent: counted only
  kUnproven,  ///< not the next expected bytes, the share for such spent: counted only
};

struct Contestant {
  const char* name;
  Segment segment;
  std::size_t payload;  ///< bytes
  std::vector<double> runs{};
};

Frame frame_of(const Contestant& c) {
  using namespace probewall::test;
  std::string payload = c.segment == Segment::kBody ? "" : "POST /v1/chat/completions HTTP/1.1\r\n";
  payload.resize(c.payload, 'x');
  return (Ethernet() / Ipv4{.dst = kServer} /
          Tcp{.sport = kClientPort, .dport = kServerPort, .ack = 1, .flags = kAck | kPsh} /
          Payload{payload})
      .build();
}

pw_flow_key key_of(unsigned cpu, unsigned flow) {
  return FlowKey{IpAddress::from_v4(BENCH_CLIENT(cpu, flow)), *IpAddress::parse(kServer),
                 kClientPort, kServerPort}
      .to_abi();
}

/// Capture records the programs have sent and lost since they were loaded, on two processors.
struct Records {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
};
Records records(int counters) {
  Records out;
  for (std::uint32_t row = 0; row < 2 * PW_MAX_INTERFACES; ++row) {
    pw_counters c{};
    if (bpf_map_lookup_elem(counters, &row, &c) != 0) continue;
    out.sent += c.records[PW_RECORD_CAPTURE];
    out.lost += c.records_lost[PW_RECORD_CAPTURE];
  }
  return out;
}

class Table {
 public:
  explicit Table(const CaptureOptions& options) : options_(options) {}
  Result<std::vector<Series>> measure();

 private:
  Result<void> load();
  void restart_flows(const Contestant& c);
  double run_slices(unsigned cpu, Frame frame);
  Result<void> check(const Contestant& c);
  double alone(const Contestant& c);
  double together(const Contestant& c);

  CaptureOptions options_;
  std::unique_ptr<source_walk_bpf, void (*)(source_walk_bpf*)> walk_{nullptr,
                                                                     source_walk_bpf__destroy};
  std::optional<Filter> filter_;
  std::optional<RingDrain> drain_;
  RingLayout layout_;
  int flows_ = -1;
};

Result<void> Table::load() {
  if (auto ok = enter_own_world(false); !ok) return ok;
  for (const char* pair : {"ours", "idle"}) {
    if (auto ok = make_veth(pair); !ok) return ok;
  }
  walk_.reset(source_walk_bpf__open_and_load());
  if (!walk_) return fail(errno, "load the benchmark's programs");
  const auto pins = new_pin_directory();
  if (!pins) return tl::unexpected(pins.error());
  Config config;
  config.xdp.mode = XdpMode::kGeneric;
  config.capture.workers = 2;
  auto filter = Filter::open(*pins, config);
  if (!filter) return tl::unexpected(filter.error());
  filter_.emplace(std::move(*filter));
  layout_ = ring_layout(config);
  auto settings = filter_->plane().settings();
  if (!settings) return tl::unexpected(settings.error());
  // The buckets are looked up and spent, but never empty; that of the unproven always is.
  settings->rate_requests_per_s = settings->rate_burst = UINT32_MAX;
  settings->capture_bytes_per_s = settings->capture_burst_bytes = 1ull << 40;
  settings->unproven_per_s = 0;
  if (auto ok = filter_->plane().set_settings(*settings); !ok) return ok;
  if (auto ok = filter_->attach("ours"); !ok) return tl::unexpected(ok.error());
  if (auto ok = attach_idle(bpf_program__fd(walk_->progs.bench_walk_flows), "idle"); !ok) return ok;
  const int program = program_on("ours");
  const std::uint32_t slot = 0;
  if (bpf_map_update_elem(bpf_map__fd(walk_->maps.bench_target), &slot, &program, BPF_ANY) != 0)
    return fail(errno, "hand over to the program");
  flows_ = bpf_obj_get((*pins + "/v" + std::to_string(PW_ABI_VERSION) + "/pw_flows").c_str());
  if (flows_ < 0) return fail(errno, "open pw_flows");
  auto drain = RingDrain::map(filter_->plane().worker_descriptors().rings);
  if (!drain) return tl::unexpected(drain.error());
  drain_.emplace(std::move(*drain));
  return {};
}

/// Every flow is a proven one again that expects the first packet of the walk next.
void Table::restart_flows(const Contestant& c) {
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    for (unsigned n = 0; n < BENCH_FLOWS; ++n) {
      const pw_flow_key key = key_of(cpu, n);
      pw_flow flow{};
      flow.created_ns = 1;
      flow.next_seq = flow.budget_seq = flow.client_isn1 = BENCH_FIRST_SEQ;
      flow.in_flags = PW_FLOW_PROVEN | PW_FLOW_ANCHORED;
      flow.skip_tag = 1;
      if (c.segment == Segment::kBody) {
        flow.captured = PW_CAP_MAX;
        flow.in_flags |= PW_FLOW_BUDGET_SPENT;
      }
      if (c.segment == Segment::kUnproven) flow.next_seq += 5;
      bpf_map_update_elem(flows_, &key, &flow, BPF_ANY);
    }
    walk_->bss->bench_flows[cpu].at = 0;
    walk_->bss->bench_flows[cpu].step = c.segment == Segment::kUnproven ? 0 : c.payload;
  }
}

/// CPU ns per packet, the rings emptied between slices. Only this processor writes its groups'
/// rings.
double Table::run_slices(unsigned cpu, Frame frame) {
  const int program = bpf_program__fd(walk_->progs.bench_walk_flows);
  double sum = 0;
  unsigned slices = 0;
  for (std::uint32_t done = 0; done < options_.packets; done += kSlice, ++slices) {
    const double ns = ns_per_packet(program, frame, kSlice);
    if (ns < 0) return -1;
    sum += ns;
    for (unsigned ring = 0; ring < drain_->count(); ++ring) {
      if (ring % layout_.groups == cpu % layout_.groups) drain_->empty(ring);
    }
  }
  return sum / slices;
}

/// Every request's packet has to make a record and no other packet one.
Result<void> Table::check(const Contestant& c) {
  const int counters = filter_->plane().worker_descriptors().counters;
  const Records before = records(counters);
  if (alone(c) < 0) return fail(errno, std::string{"run "} + c.name);
  const Records after = records(counters);
  const std::uint64_t expected =
      c.segment == Segment::kRequest ? (options_.packets + kSlice - 1) / kSlice * kSlice : 0;
  if (after.sent - before.sent == expected && after.lost == before.lost) return {};
  return fail(0, std::string{c.name} + ": " + std::to_string(after.sent - before.sent) +
                     " records instead of " + std::to_string(expected) + ", " +
                     std::to_string(after.lost - before.lost) + " lost");
}

double Table::alone(const Contestant& c) {
  restart_flows(c);
  if (!pin_to_cpu(0)) return -1;
  return run_slices(0, frame_of(c));
}

/// Million packets per second of two processors at once.
double Table::together(const Contestant& c) {
  restart_flows(c);
  std::barrier start{2};
  double ns[2] = {-1, -1};
  const auto one = [&](unsigned cpu) {
    const bool pinned = pin_to_cpu(cpu);
    start.arrive_and_wait();
    if (pinned) ns[cpu] = run_slices(cpu, frame_of(c));
  };
  std::thread other{one, 1u};
  one(0);
  other.join();
  return ns[0] < 0 || ns[1] < 0 ? -1 : 1e3 / ns[0] + 1e3 / ns[1];
}

Result<std::vector<Series>> Table::measure() {
  if (auto ok = load(); !ok) return tl::unexpected(ok.error());
  std::vector<Contestant> contestants{{"capture_request_500", Segment::kRequest, 500},
                                      {"capture_request_1400", Segment::kRequest, 1400},
                                      {"capture_body_over_budget", Segment::kBody, 1400},
                                      {"capture_unproven_over_share", Segment::kUnproven, 500}};
  Series one{"capture_one_cpu", "Mpackets/s", {}}, two{"capture_two_cpus", "Mpackets/s", {}};
  const bool two_cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1 && layout_.groups > 1;
  for (const Contestant& c : contestants) {
    if (auto ok = check(c); !ok) return tl::unexpected(ok.error());
  }
  for (unsigned round = 0; round < options_.rounds; ++round) {
    for (Contestant& c : contestants) {
      const double ns = alone(c);
      if (ns < 0) return fail(errno, std::string{"run "} + c.name);
      c.runs.push_back(ns);
    }
    one.runs.push_back(1e3 / contestants[0].runs.back());
    if (!two_cpus) continue;
    const double both = together(contestants[0]);
    if (both < 0) return fail(errno, "run on two processors");
    two.runs.push_back(both);
  }
  std::vector<Series> out;
  for (Contestant& c : contestants) out.push_back({c.name, "ns/packet", std::move(c.runs)});
  out.push_back(std::move(one));
  if (two_cpus) out.push_back(std::move(two));
  return out;
}

}  // namespace

Result<std::vector<Series>> measure_capture(const CaptureOptions& options) {
  return Table{options}.measure();
}

}  // namespace probewall::bench
