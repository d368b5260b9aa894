// SPDX-License-Identifier: Apache-2.0
// When block entries run out, in order, so that the guard need not walk a table of a million
// entries every second. The table stays the truth: a popped prefix is looked up before it is
// removed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"

namespace probewall {

class ExpiryQueue {
 public:
  /// Room for so many at once: a start with full tables need not move what it has read.
  void reserve(std::size_t items) { heap_.reserve(items); }
  void push(const IpPrefix& prefix, std::uint32_t expires_s) {
    if (expires_s == PW_NEVER_EXPIRES) return;
    heap_.emplace_back(expires_s, prefix);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
  }
  /// The next prefix whose entry may have run out at `now_s`. A renewed entry comes up once for
  /// each time it was pushed.
  std::optional<IpPrefix> pop_due(std::uint32_t now_s) {
    if (heap_.empty() || heap_.front().first > now_s) return std::nullopt;
    const auto prefix = heap_.front().second;
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    heap_.pop_back();
    return prefix;
  }
  std::size_t size() const { return heap_.size(); }
  /// More than twice as long as what `entries` entries need: most of it has been renewed or is
  /// gone.
  bool outgrown(std::size_t entries) const { return heap_.size() > 2 * entries + kSlack; }
  static constexpr std::size_t kSlack = 1024;
  void clear() { heap_ = {}; }

 private:
  using Item = std::pair<std::uint32_t, IpPrefix>;
  std::vector<Item> heap_;  ///< the earliest first
};

}  // namespace probewall
