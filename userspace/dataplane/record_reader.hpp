// SPDX-License-Identifier: Apache-2.0
// The worker's side of the kernel: rings (or perf buffer), the skip array, the counters. Opened
// from inherited descriptors before capabilities are given up; afterwards no bpf() call is made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "probewall/abi/counters.h"
#include "probewall/abi/records.h"
#include "probewall/bytes.hpp"
#include "probewall/result.hpp"

namespace probewall {

class RecordReader {
 public:
  using OnRecord = std::function<void(ByteSpan)>;
  using OnLost = std::function<void(std::uint64_t)>;  ///< perf only: records the kernel dropped

  /// Reads the rings of one worker thread. `need_wake_fd`: WorkerDescriptors::need_wake;
  /// `first_ring`: index in pw_rings (and word in pw_need_wake) of ring_fds[0]. Descriptors may be
  /// closed afterwards.
  static Result<std::unique_ptr<RecordReader>> from_rings(std::span<const int> ring_fds,
                                                          int need_wake_fd, OnRecord on_record,
                                                          unsigned first_ring = 0);
  /// Opens one perf event per CPU (needs CAP_PERFMON now, nothing later). Some process has to keep
  /// `perf_map_fd` open as long as records are wanted; the guard does.
  static Result<std::unique_ptr<RecordReader>> from_perf(int perf_map_fd, OnRecord on_record,
                                                         OnLost on_lost);
  virtual ~RecordReader() = default;

  /// Descriptor that becomes readable when records wait; put it into epoll.
  virtual int poll_fd() const = 0;
  /// Hands over what is there, at most `limit` records; returns how many. Spins up to 20
  /// microseconds for more before it arms the wake-up (prototypes.md, part 5). A record's span
  /// holds exactly header and cap_len bytes unless the record is malformed; it dies when the
  /// callback returns.
  virtual std::uint64_t drain(std::uint64_t limit) = 0;
};

/// pw_skip mapped for writing.
class SkipWriter {
 public:
  static Result<SkipWriter> map(int skip_fd);
  SkipWriter(SkipWriter&& other) noexcept;
  ~SkipWriter();
  void store(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume);  ///< one aligned store
  std::uint64_t load(std::uint32_t slot) const;

 private:
  explicit SkipWriter(std::uint64_t* words) : words_(words) {}
  std::uint64_t* words_ = nullptr;
};

/// pw_counters mapped read-only.
class CounterView {
 public:
  static Result<CounterView> map(int counters_fd);
  CounterView(CounterView&& other) noexcept;
  ~CounterView();
  /// Sum over all CPUs of one interface slot.
  pw_counters sum(unsigned slot) const;

 private:
  explicit CounterView(const pw_counters* rows) : rows_(rows) {}
  const pw_counters* rows_ = nullptr;
};

}  // namespace probewall
