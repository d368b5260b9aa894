// SPDX-License-Identifier: Apache-2.0
// All sources, in bounded memory. Full: the one seen longest ago goes, ordinary sources first,
// then suspicious ones, then trusted ones. A flood of new sources evicts only what is like itself.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/rules/source_memory.hpp"
#include "probewall/large_pages.hpp"
#include "probewall/slot_index.hpp"

namespace probewall::rules {

enum class Standing : std::uint8_t { kPlain, kSuspicious, kTrusted, kCount };

/// Holds at most `max_sources` sources and kBytesPerSource bytes for each of these, whatever the
/// single source needs.
class SourceList {
 public:
  static constexpr std::size_t kBytesPerSource = 256;

  explicit SourceList(std::uint32_t max_sources);

  SourceMemory* find(const IpPrefix& source);
  const SourceMemory* find(const IpPrefix& source) const;
  /// The source's memory, made (first_ds = now) when it is not known. Valid until it is evicted.
  SourceMemory& touch(const IpPrefix& source, std::uint32_t now_ds);
  /// Files the source under its present standing, as the one seen last.
  void set_standing(SourceMemory& memory, Standing standing);
  /// To be called after `memory` remembered more: `heap_before` is its heap_bytes() before. Evicts
  /// others while the whole is over its bound.
  void account(const SourceMemory& memory, std::size_t heap_before);

  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (at(i).used) visit(at(i));
    }
  }
  template <typename Visitor>
  void for_each(Visitor visit) {
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (at(i).used) visit(at(i));
    }
  }
  std::uint64_t size() const { return size_; }
  std::uint64_t evicted() const { return evicted_; }
  /// Bytes in use, index included.
  std::uint64_t bytes() const;
  /// Of them, those that do not come from the heap.
  std::uint64_t paged_bytes() const { return slots_.bytes() + index_.bytes(); }
  std::uint64_t max_bytes() const { return std::uint64_t{max_} * kBytesPerSource; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct List {
    std::uint32_t newest = kNone;
    std::uint32_t oldest = kNone;
  };
  static std::uint64_t hash(const IpPrefix& source) { return std::hash<IpPrefix>{}(source); }
  std::uint32_t find(const IpPrefix& source, std::uint64_t hash) const;

  SourceMemory& at(std::uint32_t slot) { return slots_[slot]; }
  const SourceMemory& at(std::uint32_t slot) const { return slots_[slot]; }
  std::uint32_t slot_of(const SourceMemory& memory) const;
  void link(std::uint32_t slot, std::uint8_t list);
  void unlink(std::uint32_t slot);
  void release(std::uint32_t slot);
  bool evict_one(std::uint32_t keep);

  std::uint32_t max_;
  std::uint64_t size_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t heap_ = 0;  ///< of all sources
  PagedVector<SourceMemory> slots_;
  std::vector<std::uint32_t> free_;
  std::array<List, static_cast<std::size_t>(Standing::kCount)> lists_;
  SlotIndex index_;
};

}  // namespace probewall::rules
