// SPDX-License-Identifier: Apache-2.0
// The last events in memory, for `events` and `events -f`.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace probewall {

/// A bounded ring of lines. One writer, who never waits for a reader; readers that fall behind lose
/// the oldest lines and are told how many.
class EventTail {
 public:
  explicit EventTail(std::size_t max_lines = 1000, std::size_t max_bytes = 1u << 20);

  /// `line`: one JSON object, with or without its line feed.
  void push(std::string_view line);
  /// Wakes all readers for good (shutdown).
  void close();
  bool closed() const;

  struct Batch {
    std::vector<std::string> lines;
    std::uint64_t next = 0;  ///< cursor for the next call
    std::uint64_t lost = 0;  ///< lines this reader missed
  };
  /// Lines from `cursor` on (0: the oldest kept), at most `limit`; waits up to `wait` for the
  /// first.
  Batch read(std::uint64_t cursor, std::size_t limit, std::chrono::milliseconds wait);
  /// Lines readers missed, in all.
  std::uint64_t lost_total() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::string> lines_;
  std::uint64_t first_ = 0;  ///< number of lines_.front()
  std::size_t bytes_ = 0;
  std::size_t max_lines_, max_bytes_;
  std::uint64_t lost_ = 0;
  bool closed_ = false;
};

}  // namespace probewall
