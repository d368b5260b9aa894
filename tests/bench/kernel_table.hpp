// SPDX-License-Identifier: Apache-2.0
// The kernel program's cost per packet, measured in place: no network card, no stack.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/series.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

struct KernelOptions {
  unsigned rounds = 15;
  std::uint32_t repeat = 300000;
  std::uint32_t addresses = 1000000;  ///< of each family
  std::uint32_t prefixes = 100000;
  std::string only{};  ///< part of the names wanted
};

/// Every program on every kind of source, in turns: a round runs each once. Errors name the
/// contestant whose verdicts were not what its list calls for.
Result<std::vector<Series>> measure_kernel(const KernelOptions& options);

}  // namespace probewall::bench
