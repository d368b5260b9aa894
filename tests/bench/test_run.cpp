// SPDX-License-Identifier: Apache-2.0
#include "bench/test_run.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <time.h>

namespace probewall::bench {
namespace {

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

bpf_test_run_opts options(Frame& frame, std::uint32_t repeat) {
  bpf_test_run_opts out{};
  out.sz = sizeof out;
  out.data_in = frame.data();
  out.data_size_in = static_cast<std::uint32_t>(frame.size());
  out.repeat = static_cast<int>(repeat);
  return out;
}

}  // namespace

double ns_per_packet(int program, Frame& frame, std::uint32_t repeat) {
  auto run = options(frame, repeat);
  const double start = cpu_ns();
  if (bpf_prog_test_run_opts(program, &run) != 0) return -1;
  return (cpu_ns() - start) / repeat;
}

Verdicts verdicts(int program, Frame& frame, unsigned count) {
  Verdicts out;
  for (unsigned i = 0; i < count; ++i) {
    auto run = options(frame, 1);
    if (bpf_prog_test_run_opts(program, &run) != 0) return {};
    out.dropped += run.retval == XDP_DROP;
    out.passed += run.retval == XDP_PASS;
  }
  return out;
}

bool pin_to_cpu(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace probewall::bench
