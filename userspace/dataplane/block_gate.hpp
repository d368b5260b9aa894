// SPDX-License-Identifier: Apache-2.0
// The gate's bits of IPv6 (abi/block_table.h): one for each hashed /32 with a single address or a
// prefix in it, prefixes shorter than /32 aside.
#pragma once

#include <cstdint>

#include "dataplane/counted_bits.hpp"
#include "probewall/abi/block_table.h"

namespace probewall {

class GateBits {
 public:
  /// 2^log2 bits at `words`, which readers read; `nets`: the prefilter's bits of prefixes, two for
  /// each of these. Both outlive this. Nothing is counted yet.
  GateBits(__u64* words, const __u64* nets, unsigned log2 = PW_GATE6_LOG2)
      : words_(words), nets_(nets), size_((std::size_t{1} << log2) / 64), singles_(size_ * 64) {}

  /// A single address is there already; readers get its bit by `publish`. `bit`: PW_GATE6_BIT.
  void count(std::uint64_t bit) { singles_.count(bit); }
  /// One came / is gone.
  void add(std::uint64_t bit) { singles_.add(bit, words_); }
  void drop(std::uint64_t bit) {
    if (singles_.uncount(bit)) refresh(bit / 64);
  }
  /// After a prefix's bit in the prefilter changed.
  void net_changed(std::uint64_t bit) { refresh(bit / 2 / 64); }
  /// Makes all bits what they are to be, whatever a killed writer or another version left: one that
  /// is due is not missing for a moment.
  void publish() {
    for (std::size_t i = 0; i < size_; ++i) refresh(i);
  }

 private:
  void refresh(std::size_t index) {
    const __u64 wanted =
        halved(nets_[index * 2]) | halved(nets_[index * 2 + 1]) << 32 | singles_.word_at(index);
    if (words_[index] != wanted) store_word(words_[index], wanted);
  }
  /// One bit for each two of `word`.
  static __u64 halved(__u64 word) {
    __u64 out = 0;
    for (unsigned i = 0; word != 0; ++i, word >>= 2) out |= __u64{(word & 3) != 0} << i;
    return out;
  }

  __u64* words_;
  const __u64* nets_;
  std::size_t size_;
  CountedBits singles_;
};

}  // namespace probewall
