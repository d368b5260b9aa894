// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace probewall::bench {

/// What was measured of one contestant.
struct Series {
  std::string name;
  std::string unit;
  std::vector<double> runs;  ///< one per round
};

}  // namespace probewall::bench
