// SPDX-License-Identifier: Apache-2.0
// The prefilter's bits of single addresses (abi/block_table.h, `seen`).
#pragma once

#include <cstdint>

#include "dataplane/counted_bits.hpp"

namespace probewall {

class SeenBits {
 public:
  SeenBits() = default;
  /// For 2^log2 bits, log2 >= 6. Not in readers' memory yet: publish.
  explicit SeenBits(unsigned log2) : log2_(log2), bits_(std::size_t{1} << log2) {}

  unsigned shift() const { return 64 - log2_; }
  /// `hash`: PW_SEEN4_HASH or PW_SEEN6_HASH of an address that comes or goes.
  void count(std::uint64_t hash) { bits_.count(hash >> shift()); }
  void add(std::uint64_t hash, __u64* words) { bits_.add(hash >> shift(), words); }
  void drop(std::uint64_t hash, __u64* words) { bits_.drop(hash >> shift(), words); }
  void publish(__u64* words, std::size_t total, bool keep) const {
    bits_.publish(words, total, keep);
  }

 private:
  unsigned log2_ = 6;
  CountedBits bits_{64};
};

}  // namespace probewall
