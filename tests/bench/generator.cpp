// SPDX-License-Identifier: Apache-2.0
#include "bench/generator.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "bench/bench_abi.h"
#include "generator.skel.h"
#include "support/packet.hpp"

namespace probewall::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Frame = std::vector<std::uint8_t>;

constexpr std::uint32_t kBatch = 64;
constexpr std::uint32_t kSlice = 1 << 19;  ///< packets per call: each call costs the kernel 20 ms
constexpr std::uint32_t kFitSlice = 1 << 22;  ///< in which the receiver would have nothing to do
constexpr std::uint64_t kFirstGapNs = 20000;  ///< between batches; found out from there on
constexpr std::size_t kIp = 14, kTcp = 34;

/// A probe's request, as far as one small segment goes.
const std::string kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 192.0.2.2:8000\r\nContent-Type: "
    "application/json\r\n"
    "Content-Length: 84\r\n\r\n{\"model\":\"llama3\",\"messages\":[{\"role\":\"user\",\"content\":"
    "\"How many states are there\"}]}";

Frame frame_of(PacketKind kind, const GeneratorOptions& options) {
  using namespace probewall::test;
  const Ipv4 ip{.src = "0.0.0.0", .dst = options.destination};
  Tcp tcp{.sport = 0, .dport = options.port, .seq = 0, .ack = 0, .flags = kSyn};
  Frame frame;
  if (kind == PacketKind::kSyn) {
    frame = (Ethernet() / ip / tcp).build_padded(60);
  } else {
    tcp.flags = kAck | kPsh;
    tcp.ack = 77;
    frame = (Ethernet() / ip / tcp / Payload{kRequest}).build();
  }
  std::memcpy(frame.data(), options.to_mac.data(), 6);
  return frame;
}

/// What the program adds to: the complement of a finished checksum, in memory order.
std::uint32_t sum_behind(const Frame& frame, std::size_t at) {
  std::uint16_t sum = 0;
  std::memcpy(&sum, &frame[at], 2);
  return static_cast<std::uint16_t>(~sum);
}

/// Writes the kinds' headers and sources; returns the longest frame, on which the program runs.
Frame describe_mix(const GeneratorOptions& options, generator_bpf& skeleton) {
  Frame longest;
  const auto share = BENCH_SOURCES / std::uint32_t{BENCH_KINDS};
  for (std::size_t k = 0; k < options.mix.size(); ++k) {
    const Traffic& traffic = options.mix[k];
    const Frame frame = frame_of(traffic.kind, options);
    bench_kind& kind = skeleton.bss->bench_kinds[k];
    std::memcpy(kind.head, frame.data(), BENCH_HEAD);
    kind.ip_sum = sum_behind(frame, kIp + 10);
    kind.tcp_sum = sum_behind(frame, kTcp + 16);
    const bool alone = options.mix.size() == 1;
    kind.first = alone ? 0 : static_cast<std::uint32_t>(k) * share;
    kind.mask = (alone ? BENCH_SOURCES : share) - 1;
    for (std::uint32_t i = 0; i <= kind.mask; ++i)
      std::memcpy(&skeleton.bss->bench_sources[kind.first + i],
                  &traffic.sources[i % traffic.sources.size()].bytes[12], 4);
    if (frame.size() > longest.size()) longest = frame;
  }
  return longest;
}

/// Waits as long as `sent` packets are ahead of the wanted pace.
void keep_pace(const GeneratorOptions& options, std::uint64_t sent, Clock::time_point start) {
  if (options.packets_per_s == 0) return;
  const std::chrono::duration<double> due{static_cast<double>(sent) /
                                          static_cast<double>(options.packets_per_s)};
  std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(due));
}

}  // namespace

Result<std::uint64_t> generate(const GeneratorOptions& options) {
  const std::unique_ptr<generator_bpf, void (*)(generator_bpf*)> skeleton{
      generator_bpf__open_and_load(), generator_bpf__destroy};
  if (!skeleton) return fail(errno, "load the generator");
  const unsigned index = if_nametoindex(options.interface.c_str());
  if (index == 0) return fail(errno, "interface " + options.interface);
  skeleton->bss->bench_interface = index;
  skeleton->data->bench_kind_count = static_cast<std::uint32_t>(options.mix.size());
  Frame frame = describe_mix(options, *skeleton);
  if (options.fit) {
    skeleton->bss->bench_gap_ns = kFirstGapNs;
    if (generator_bpf__attach(skeleton.get()) != 0) return fail(errno, "see what is refused");
  }

  bpf_test_run_opts run{};
  run.sz = sizeof run;
  run.data_in = frame.data();
  run.data_size_in = static_cast<std::uint32_t>(frame.size());
  run.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  run.batch_size = kBatch;
  const auto full_speed = options.fit ? kFitSlice : kSlice;
  const auto slice = options.packets_per_s == 0
                         ? full_speed
                         : static_cast<std::uint32_t>(options.packets_per_s / 20);
  run.repeat = static_cast<int>(slice);
  const auto start = Clock::now();
  std::uint64_t sent = 0;
  do {
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.bench_send), &run) != 0)
      return fail(errno, "run the generator");
    sent += slice;
    keep_pace(options, sent, start);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < options.seconds);
  return sent;
}

}  // namespace probewall::bench
