// SPDX-License-Identifier: Apache-2.0
// The prefilter's bits of single addresses (abi/block_table.h, `seen`), with the counts that tell
// when a bit may go. The counts live in user space only and are rebuilt from the table at start.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "dataplane/mapped_words.hpp"
#include "probewall/abi/common.h"

namespace probewall {

class SeenBits {
 public:
  SeenBits() = default;
  /// For 2^log2 bits, log2 >= 6. Not in readers' memory yet: publish.
  explicit SeenBits(unsigned log2) : log2_(log2), counts_(std::size_t{1} << log2) {}

  unsigned shift() const { return 64 - log2_; }
  /// `hash`: PW_SEEN4_HASH or PW_SEEN6_HASH of an address that comes or goes.
  void count(std::uint64_t hash) {
    auto& count = counts_[hash >> shift()];
    if (count < kSticky) ++count;
  }
  void add(std::uint64_t hash, __u64* words) {
    count(hash);
    set_bit(words, hash >> shift(), true);
  }
  void drop(std::uint64_t hash, __u64* words) {
    const auto bit = hash >> shift();
    // A count at its end stays, and its bit with it, until the next start.
    if (counts_[bit] == kSticky || --counts_[bit] > 0) return;
    set_bit(words, bit, false);
  }
  /// Into readers' memory of `total` words. With `keep` bits that stand there stay, as readers may
  /// still go by another shift.
  void publish(__u64* words, std::size_t total, bool keep) const {
    for (std::size_t i = 0; i < total; ++i) {
      const __u64 wanted = word_at(i) | (keep ? words[i] : 0);
      if (words[i] != wanted) store_word(words[i], wanted);
    }
  }

 private:
  using Count = std::uint8_t;
  static constexpr Count kSticky = std::numeric_limits<Count>::max();

  __u64 word_at(std::size_t index) const {
    if (index * 64 >= counts_.size()) return 0;
    __u64 word = 0;
    for (unsigned bit = 0; bit < 64; ++bit) word |= __u64{counts_[index * 64 + bit] != 0} << bit;
    return word;
  }

  unsigned log2_ = 6;
  std::vector<Count> counts_ = std::vector<Count>(64);
};

}  // namespace probewall
