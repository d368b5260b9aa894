// SPDX-License-Identifier: Apache-2.0
// Bits that readers of mapped memory see, with the counts that tell when one may go. The counts
// live in user space only and are rebuilt from the tables at start.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "dataplane/mapped_words.hpp"
#include "probewall/abi/common.h"

namespace probewall {

class CountedBits {
 public:
  /// `bits`: a multiple of 64. Nothing is counted yet.
  explicit CountedBits(std::size_t bits)
      : size_(bits),
        // Pages are there once they are written: a short list takes no 16 MB.
        counts_(static_cast<Count*>(std::calloc(bits, sizeof(Count))), &std::free) {
    if (!counts_) throw std::bad_alloc{};
  }

  /// Something behind `bit` is there; readers do not know yet: publish.
  void count(std::uint64_t bit) {
    auto& count = counts_.get()[bit];
    if (count < kSticky) ++count;
  }
  void add(std::uint64_t bit, __u64* words) {
    count(bit);
    if ((words[bit / 64] >> (bit % 64) & 1) == 0) set_bit(words, bit, true);
  }
  /// True: that was the last, and the bit is to go.
  bool uncount(std::uint64_t bit) {
    auto& count = counts_.get()[bit];
    // A count at its end stays, and its bit with it, until the next start.
    return count != kSticky && --count == 0;
  }
  void drop(std::uint64_t bit, __u64* words) {
    if (uncount(bit)) set_bit(words, bit, false);
  }
  /// The 64 bits of word `index`, which may lie behind the last.
  __u64 word_at(std::size_t index) const {
    if (index * 64 >= size_) return 0;
    __u64 word = 0;
    for (unsigned eight = 0; eight < 8; ++eight) {
      __u64 counts = 0;  // most are zero
      std::memcpy(&counts, counts_.get() + index * 64 + eight * 8, sizeof counts);
      for (unsigned i = 0; counts != 0; ++i, counts >>= 8)
        word |= __u64{(counts & 0xff) != 0} << (eight * 8 + i);
    }
    return word;
  }
  /// Into readers' memory of `total` words. With `keep` bits that stand there stay, as readers may
  /// still look for them where they were.
  void publish(__u64* words, std::size_t total, bool keep) const {
    for (std::size_t i = 0; i < total; ++i) {
      const __u64 wanted = word_at(i) | (keep ? words[i] : 0);
      if (words[i] != wanted) store_word(words[i], wanted);
    }
  }

 private:
  using Count = std::uint8_t;
  static constexpr Count kSticky = std::numeric_limits<Count>::max();

  std::size_t size_;
  std::unique_ptr<Count, decltype(&std::free)> counts_;
};

}  // namespace probewall
