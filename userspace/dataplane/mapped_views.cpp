// SPDX-License-Identifier: Apache-2.0
// SkipWriter and CounterView: the two arrays the worker maps before it gives up its rights.
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "dataplane/record_reader.hpp"

namespace probewall {
namespace {

constexpr std::size_t kSkipBytes = PW_SKIP_SLOTS * sizeof(std::uint64_t);
constexpr std::size_t kCounterRows = std::size_t{PW_MAX_CPUS} * PW_MAX_INTERFACES;
constexpr std::size_t kCounterBytes = kCounterRows * sizeof(pw_counters);
static_assert(sizeof(pw_counters) % 8 == 0, "an array map pads its elements to 8 bytes");

}  // namespace

Result<SkipWriter> SkipWriter::map(int skip_fd) {
  void* words = mmap(nullptr, kSkipBytes, PROT_READ | PROT_WRITE, MAP_SHARED, skip_fd, 0);
  if (words == MAP_FAILED) return fail(errno, "map pw_skip");
  return SkipWriter{static_cast<std::uint64_t*>(words)};
}
SkipWriter::SkipWriter(SkipWriter&& other) noexcept
    : words_(std::exchange(other.words_, nullptr)) {}
SkipWriter::~SkipWriter() {
  if (words_ != nullptr) munmap(words_, kSkipBytes);
}
void SkipWriter::store(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) {
  if (slot >= PW_SKIP_SLOTS) return;  // from a malformed record: nothing to skip
  __atomic_store_n(&words_[slot], PW_SKIP_WORD(tag, resume), __ATOMIC_RELAXED);
}
std::uint64_t SkipWriter::load(std::uint32_t slot) const {
  return slot < PW_SKIP_SLOTS ? __atomic_load_n(&words_[slot], __ATOMIC_RELAXED) : 0;
}

Result<CounterView> CounterView::map(int counters_fd) {
  void* rows = mmap(nullptr, kCounterBytes, PROT_READ, MAP_SHARED, counters_fd, 0);
  if (rows == MAP_FAILED) return fail(errno, "map pw_counters");
  return CounterView{static_cast<const pw_counters*>(rows)};
}
CounterView::CounterView(CounterView&& other) noexcept
    : rows_(std::exchange(other.rows_, nullptr)) {}
CounterView::~CounterView() {
  if (rows_ != nullptr) munmap(const_cast<pw_counters*>(rows_), kCounterBytes);
}

pw_counters CounterView::sum(unsigned slot) const {
  pw_counters total{};
  if (slot >= PW_MAX_INTERFACES) return total;
  constexpr std::size_t words = sizeof(pw_counters) / sizeof(std::uint64_t);
  auto* out = reinterpret_cast<std::uint64_t*>(&total);
  for (std::size_t cpu = 0; cpu < PW_MAX_CPUS; ++cpu) {
    const auto* row =
        reinterpret_cast<const std::uint64_t*>(&rows_[cpu * PW_MAX_INTERFACES + slot]);
    for (std::size_t i = 0; i < words; ++i) out[i] += __atomic_load_n(&row[i], __ATOMIC_RELAXED);
  }
  return total;
}

}  // namespace probewall
