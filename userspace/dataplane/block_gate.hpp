// SPDX-License-Identifier: Apache-2.0
// One family's bits of the gate (abi/block_table.h): set where a single address or a prefix is. The
// counts of single addresses live in user space only and are rebuilt from the table at start.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "dataplane/mapped_words.hpp"
#include "probewall/abi/common.h"

namespace probewall {

class GateBits {
 public:
  /// 2^log2 bits at `words`, which readers read; `nets`: the prefilter's bits of prefixes, at the
  /// same places (IPv6: without those shorter than /32). Both outlive this. Counts nothing yet.
  GateBits(__u64* words, const __u64* nets, unsigned log2)
      : words_(words),
        nets_(nets),
        size_(std::size_t{1} << log2),
        // Pages are there once they are written: a short list does not take 16 MB.
        counts_(static_cast<Count*>(std::calloc(size_, sizeof(Count))), &std::free) {
    if (!counts_) throw std::bad_alloc{};
  }

  /// A single address behind `bit` is there already; readers get its bit by `publish`.
  void count(std::uint64_t bit) {
    auto& count = counts_.get()[bit];
    if (count < kSticky) ++count;
  }
  /// A single address behind `bit` came / is gone.
  void add(std::uint64_t bit) {
    count(bit);
    set_bit(words_, bit, true);
  }
  void drop(std::uint64_t bit) {
    auto& count = counts_.get()[bit];
    // A count at its end stays, and its bit with it, until the next start.
    if (count == kSticky || --count > 0) return;
    refresh(bit / 64);
  }
  /// After word `index` of the prefixes' bits changed.
  void refresh(std::size_t index) {
    const __u64 wanted = nets_[index] | singles(index);
    if (words_[index] != wanted) store_word(words_[index], wanted);
  }
  /// Makes all bits what they are to be, whatever a killed writer or another version left: one that
  /// is due is not missing for a moment.
  void publish() {
    for (std::size_t i = 0; i < size_ / 64; ++i) refresh(i);
  }

 private:
  using Count = std::uint8_t;
  static constexpr Count kSticky = std::numeric_limits<Count>::max();

  __u64 singles(std::size_t index) const {
    std::array<__u64, 8> eights;  // most are zero
    std::memcpy(eights.data(), counts_.get() + index * 64, sizeof eights);
    __u64 word = 0;
    for (unsigned i = 0; i < 64; ++i) {
      if (eights[i / 8] == 0) {
        i += 7;
      } else if (counts_.get()[index * 64 + i] != 0) {
        word |= 1ull << i;
      }
    }
    return word;
  }

  __u64* words_;
  const __u64* nets_;
  std::size_t size_;
  std::unique_ptr<Count, decltype(&std::free)> counts_;
};

}  // namespace probewall
