// SPDX-License-Identifier: Apache-2.0
#include "core/flow/kernel_twin_tables.hpp"

namespace probewall::twin {

namespace {

/// Never 0: an empty slot matches nobody.
std::uint32_t synack_tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32 | 1); }

}  // namespace

void SynackTable::store(std::uint64_t hash, Isns isns) {
  const std::uint32_t tag = synack_tag(hash);
  pw_synack_slot* const ways = &slots_[first_way(hash)];
  std::size_t gap = 0;
  while (gap + 1 < kWays && ways[gap].server_isn1 >> 32 != tag) ++gap;
  for (; gap > 0; --gap) ways[gap] = ways[gap - 1];  // newest first
  ways[0] = {std::uint64_t{tag} << 32 | isns.server_isn1,
             PW_SYNACK_CLIENT(tag, isns.spoken, isns.client_isn1)};
}

std::size_t SynackTable::slot_of(std::uint64_t hash) const {
  const std::size_t first = first_way(hash);
  for (std::size_t i = first; i < first + kWays; ++i) {
    if (slots_[i].server_isn1 >> 32 == synack_tag(hash)) return i;
  }
  return slots_.size();
}

std::optional<SynackTable::Isns> SynackTable::find(std::uint64_t hash) const {
  const std::size_t at = slot_of(hash);
  if (at == slots_.size()) return std::nullopt;
  const pw_synack_slot& slot = slots_[at];
  return Isns{static_cast<std::uint32_t>(slot.server_isn1),
              static_cast<std::uint32_t>(slot.client_isn1), PW_SYNACK_SPOKEN(slot.client_isn1)};
}

void SynackTable::note_spoken(std::uint64_t hash, std::uint32_t seq, std::uint32_t length) {
  const std::size_t at = slot_of(hash);
  if (at == slots_.size()) return;
  pw_synack_slot& slot = slots_[at];
  const std::uint32_t begin = seq - static_cast<std::uint32_t>(slot.server_isn1);
  const std::uint32_t end = begin + length;
  if (begin > PW_SPOKEN_MAX || end > PW_SPOKEN_MAX) return;
  if (end <= PW_SYNACK_SPOKEN(slot.client_isn1)) return;
  slot.client_isn1 =
      PW_SYNACK_CLIENT(synack_tag(hash), end, static_cast<std::uint32_t>(slot.client_isn1));
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
