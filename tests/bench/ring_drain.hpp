// SPDX-License-Identifier: Apache-2.0
// Stands for a reader that keeps up: frees everything a ring holds, unread.
#pragma once

#include <vector>

#include "probewall/result.hpp"

namespace probewall::bench {

class RingDrain {
 public:
  static Result<RingDrain> map(const std::vector<int>& rings);
  RingDrain(RingDrain&& other) noexcept : pages_(std::move(other.pages_)) { other.pages_.clear(); }
  RingDrain& operator=(RingDrain&&) = delete;
  ~RingDrain();

  /// Only for rings nobody writes to at the moment.
  void empty(unsigned ring);
  unsigned count() const { return static_cast<unsigned>(pages_.size()); }

 private:
  RingDrain() = default;
  struct Positions {
    unsigned long* consumer = nullptr;
    const unsigned long* producer = nullptr;
  };
  std::vector<Positions> pages_;
};

}  // namespace probewall::bench
