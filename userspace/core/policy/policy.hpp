// SPDX-License-Identifier: Apache-2.0
// Score, proof, history and time -> Decision. No clock, no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall {

struct PolicyConfig {
  bool enforce = true;  ///< false: every decision has action kObserve
  double threshold = 100;
  Duration first_ban = std::chrono::minutes{10};
  double factor = 4;    ///< each further ban is this much longer
  Duration max_ban = std::chrono::hours{24 * 30};
  Duration score_half_life = std::chrono::hours{1};
  bool require_proof = true;
};

/// What is known about one source, for `why` and `sources top`.
struct SourceReport {
  IpPrefix source;
  double score = 0;
  std::vector<Reason> reasons;
  std::uint64_t requests = 0;
  Timestamp first_seen{};
  Timestamp last_seen{};
  std::uint32_t bans = 0;
};

}  // namespace probewall
