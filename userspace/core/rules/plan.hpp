// SPDX-License-Identifier: Apache-2.0
// From what a request is to the few rules and facts that may care about it. Each rule and fact is a
// watcher, one bit. What a request shows (its authentication, its path's labels, ...) excludes
// watchers a row of bits at a time; only what is left is evaluated. The cost hardly depends on the
// number of rules, and texts that nobody left asks for are not scanned at all.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/rules/compiled_types.hpp"

namespace probewall::rules {

/// Watchers as bits: rules first, in order, then facts.
using WatcherBits = std::vector<std::uint64_t>;

inline bool test_bit(std::span<const std::uint64_t> bits, std::size_t i) {
  return bits[i / 64] >> i % 64 & 1;
}
inline void set_bit(WatcherBits& bits, std::size_t i) {
  bits[i / 64] |= std::uint64_t{1} << i % 64;
}
inline void clear_bit(WatcherBits& bits, std::size_t i) {
  bits[i / 64] &= ~(std::uint64_t{1} << i % 64);
}
inline void keep_only(WatcherBits& bits, std::span<const std::uint64_t> row) {
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] &= row[i];
}
inline void drop(WatcherBits& bits, std::span<const std::uint64_t> row) {
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] &= ~row[i];
}
inline bool intersect(const WatcherBits& a, std::span<const std::uint64_t> b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if ((a[i] & b[i]) != 0) return true;
  }
  return false;
}
template <typename Visitor>
void for_each_bit(const WatcherBits& bits, std::size_t begin, std::size_t end, Visitor visit) {
  for (std::size_t w = begin / 64; w < bits.size() && w * 64 < end; ++w) {
    std::uint64_t word = bits[w];
    if (w == begin / 64) word &= ~std::uint64_t{0} << begin % 64;
    for (; word != 0; word &= word - 1) {
      const std::size_t bit = w * 64 + static_cast<std::size_t>(__builtin_ctzll(word));
      if (bit >= end) return;
      visit(bit);
    }
  }
}

/// A row of watchers for each value of something.
class WatcherRows {
 public:
  void reset(std::size_t rows, std::size_t words, bool ones) {
    words_ = words;
    bits_.assign(rows * words, ones ? ~std::uint64_t{0} : 0);
  }
  std::span<std::uint64_t> row(std::size_t i) { return {bits_.data() + i * words_, words_}; }
  std::span<const std::uint64_t> row(std::size_t i) const {
    return {bits_.data() + i * words_, words_};
  }
  bool test(std::size_t row, std::size_t watcher) const {
    return bits_[row * words_ + watcher / 64] >> watcher % 64 & 1;
  }
  void set(std::size_t row, std::size_t watcher, bool on) {
    std::uint64_t& word = bits_[row * words_ + watcher / 64];
    const std::uint64_t bit = std::uint64_t{1} << watcher % 64;
    word = on ? word | bit : word & ~bit;
  }

 private:
  std::size_t words_ = 0;
  std::vector<std::uint64_t> bits_;
};

/// Watchers that need one of several things to be there: `none` needs nothing of the kind, row i
/// is content with thing i. `refused` row i: does not hold when thing i is there.
struct Needs {
  WatcherRows none;  ///< one row
  WatcherRows things, refused;
};

struct Plan {
  static constexpr std::size_t kEarly = 8;  ///< requests of a source that have rows

  std::size_t rules = 0;
  std::size_t watchers = 0;
  std::size_t words = 0;
  WatcherRows auth, method, api, product;       ///< not excluded by that value
  Needs flags, headers, fields;                 ///< things: bits of Flag, header slots, field names
  std::array<WatcherRows, kSubjects> no_label;  ///< one row each: needs no label of the subject
  WatcherRows labels, labels_refused;           ///< as Needs::things and refused, over all labels
  WatcherRows exact;  ///< one row: holds when nothing above excluded it; no need to evaluate
  std::vector<Condition> rest;  ///< by watcher: what of its condition the rows above do not say
  std::array<WatcherRows, kSubjects> users;  ///< one row each: the subject's text is asked for
  /// Row n - 1: may give points at a source's request number n, or wait for its answer; and when an
  /// answer comes that is the source's after n requests. No row: everything may.
  WatcherRows early, early_answer;
  WatcherRows answers;  ///< one row: has to do with answers
  WatcherRows status;   ///< status - 100: not excluded by it
};

/// Everything but `plan` must be complete.
void build_plan(RuleSet::Compiled& compiled);

}  // namespace probewall::rules
