// SPDX-License-Identifier: Apache-2.0
#include "core/flow/kernel_twin_tables.hpp"

namespace probewall::twin {

void SynackTable::store(std::uint64_t hash, Isns isns) {
  const std::uint64_t tag = hash >> 32 | 1;  // never 0: an empty slot matches nobody
  pw_synack_slot* const ways = &slots_[first_way(hash)];
  std::size_t gap = 0;
  while (gap + 1 < kWays && ways[gap].server_isn1 >> 32 != tag) ++gap;
  for (; gap > 0; --gap) ways[gap] = ways[gap - 1];  // newest first
  ways[0] = {tag << 32 | isns.server_isn1, tag << 32 | isns.client_isn1};
}

std::optional<SynackTable::Isns> SynackTable::find(std::uint64_t hash) const {
  const std::uint64_t tag = hash >> 32 | 1;
  const pw_synack_slot* const ways = &slots_[first_way(hash)];
  for (std::size_t i = 0; i < kWays; ++i) {
    if (ways[i].server_isn1 >> 32 != tag) continue;
    return Isns{static_cast<std::uint32_t>(ways[i].server_isn1),
                static_cast<std::uint32_t>(ways[i].client_isn1)};
  }
  return std::nullopt;
}

std::uint64_t elapsed_ms(__u64& refill_ns, std::uint64_t now_ns) {
  constexpr std::uint64_t kNsPerMs = 1'000'000, kLongest = 3'600'000;
  if (now_ns <= refill_ns) return 0;
  const std::uint64_t ms = (now_ns - refill_ns) / kNsPerMs;
  refill_ns += ms * kNsPerMs;
  return std::min(ms, kLongest);
}

std::uint64_t refilled(std::uint64_t tokens, std::uint64_t add, std::uint64_t burst) {
  return std::min(tokens + add, burst);
}

}  // namespace probewall::twin
