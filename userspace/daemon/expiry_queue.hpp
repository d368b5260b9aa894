// SPDX-License-Identifier: Apache-2.0
// When block entries run out, in order, so that the guard need not walk a table of a million
// entries every second. The table stays the truth: a popped prefix is looked up before it is
// removed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"

namespace probewall {

class ExpiryQueue {
 public:
  void push(const IpPrefix& prefix, std::uint32_t expires_s) {
    if (expires_s != PW_NEVER_EXPIRES) heap_.push({expires_s, prefix});
  }
  /// The next prefix whose entry may have run out at `now_s`. A renewed entry comes up once for
  /// each time it was pushed.
  std::optional<IpPrefix> pop_due(std::uint32_t now_s) {
    if (heap_.empty() || heap_.top().first > now_s) return std::nullopt;
    const auto prefix = heap_.top().second;
    heap_.pop();
    return prefix;
  }
  std::size_t size() const { return heap_.size(); }
  void clear() { heap_ = {}; }

 private:
  using Item = std::pair<std::uint32_t, IpPrefix>;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> heap_;
};

}  // namespace probewall
