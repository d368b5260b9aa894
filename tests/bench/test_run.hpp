// SPDX-License-Identifier: Apache-2.0
// A loaded XDP program run over and over on one frame (BPF_PROG_TEST_RUN).
#pragma once

#include <cstdint>
#include <vector>

namespace probewall::bench {

using Frame = std::vector<std::uint8_t>;

/// CPU time per packet in ns over `repeat` runs; below 0: refused. The program must be attached
/// somewhere: else the kernel rebuilds its XDP dispatcher in every call, which costs 20 ms. CPU
/// time of this thread, not wall time: other work on the machine then hardly shows.
double ns_per_packet(int program, Frame& frame, std::uint32_t repeat);

/// Verdicts of `count` single runs: how many were XDP_DROP, and how many XDP_PASS.
struct Verdicts {
  unsigned dropped = 0;
  unsigned passed = 0;
};
Verdicts verdicts(int program, Frame& frame, unsigned count);

/// Ties the calling thread to one CPU; false: there is no such CPU.
bool pin_to_cpu(unsigned cpu);

}  // namespace probewall::bench
