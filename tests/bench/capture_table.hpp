// SPDX-License-Identifier: Apache-2.0
// What a captured packet costs in the kernel, and what a second processor adds.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/series.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

struct CaptureOptions {
  unsigned rounds = 15;
  std::uint32_t packets = 100000;  ///< per run and processor
};

/// Requests, bodies and unproven segments on one processor, and requests on one and on two at once;
/// rings as two workers have them. The readers' part is played by the writers between two slices,
/// as there is no third processor for them: it is the kernel's side that is measured.
Result<std::vector<Series>> measure_capture(const CaptureOptions& options);

}  // namespace probewall::bench
