// SPDX-License-Identifier: Apache-2.0
// Sends packets out of an interface as fast as one CPU can, or the receiver: frames that exist only
// while they are under way (BPF_F_TEST_XDP_LIVE_FRAMES), several million a second.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

enum class PacketKind : std::uint8_t { kSyn, kPayload };

struct Traffic {
  PacketKind kind = PacketKind::kSyn;
  std::vector<IpAddress> sources;  ///< IPv4
};

struct GeneratorOptions {
  std::string interface;
  std::array<std::uint8_t, 6> to_mac{};
  std::string destination;  ///< IPv4
  std::uint16_t port = 443;
  double seconds = 1;
  std::uint64_t packets_per_s = 0;  ///< 0: at full speed
  bool fit = false;                 ///< at the speed at which the receiver's ring stays full
  std::vector<Traffic> mix;         ///< one to BENCH_KINDS kinds, in turns
};

/// Offers packets until the time is over; returns how many. The receiver counts what arrives.
Result<std::uint64_t> generate(const GeneratorOptions& options);

}  // namespace probewall::bench
