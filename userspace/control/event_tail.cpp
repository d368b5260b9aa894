// SPDX-License-Identifier: Apache-2.0
#include "control/event_tail.hpp"

#include <algorithm>

namespace probewall {

EventTail::EventTail(std::size_t max_lines, std::size_t max_bytes)
    : max_lines_(std::max<std::size_t>(max_lines, 1)), max_bytes_(max_bytes) {}

void EventTail::push(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    bytes_ += line.size();
    // The newest line always stays, even if it alone is over the bound.
    while (lines_.size() > max_lines_ || (bytes_ > max_bytes_ && lines_.size() > 1)) {
      bytes_ -= lines_.front().size();
      lines_.pop_front();
      ++first_;
    }
  }
  arrived_.notify_all();
}

void EventTail::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

bool EventTail::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

EventTail::Batch EventTail::read(std::uint64_t cursor, std::size_t limit,
                                 std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  const auto end = [this] { return first_ + lines_.size(); };
  if (wait.count() > 0) arrived_.wait_for(lock, wait, [&] { return closed_ || cursor < end(); });
  Batch batch;
  // A cursor of 0 asks for "the oldest kept": what went before it was never promised.
  if (cursor != 0 && cursor < first_) batch.lost = first_ - cursor;
  lost_ += batch.lost;
  cursor = std::clamp(cursor, first_, end());
  for (; cursor < end() && batch.lines.size() < limit; ++cursor) {
    batch.lines.push_back(lines_[static_cast<std::size_t>(cursor - first_)]);
  }
  batch.next = cursor;
  return batch;
}

std::uint64_t EventTail::lost_total() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace probewall
