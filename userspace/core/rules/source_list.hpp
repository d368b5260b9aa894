// SPDX-License-Identifier: Apache-2.0
// All sources, in bounded memory. Full: the one seen longest ago goes, ordinary sources first,
// then suspicious ones, then trusted ones. A flood of new sources evicts only what is like itself.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/rules/source_memory.hpp"

namespace probewall::rules {

enum class Standing : std::uint8_t { kPlain, kSuspicious, kTrusted, kCount };

class SourceList {
 public:
  explicit SourceList(std::uint32_t max_sources) : max_(max_sources < 16 ? 16 : max_sources) {}

  SourceMemory* find(const IpPrefix& source);
  const SourceMemory* find(const IpPrefix& source) const;
  /// The source's memory, made (first_ds = now) when it is not known. Valid until it is evicted.
  SourceMemory& touch(const IpPrefix& source, std::uint32_t now_ds);
  /// Files the source under its present standing, as the one seen last.
  void set_standing(SourceMemory& memory, Standing standing);
  void erase(const IpPrefix& source);

  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (const SourceMemory& memory : slots_) {
      if (memory.used) visit(memory);
    }
  }
  template <typename Visitor>
  void for_each(Visitor visit) {
    for (SourceMemory& memory : slots_) {
      if (memory.used) visit(memory);
    }
  }
  std::uint64_t size() const { return index_.size(); }
  std::uint64_t evicted() const { return evicted_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct List {
    std::uint32_t newest = kNone;
    std::uint32_t oldest = kNone;
  };
  void link(std::uint32_t slot, std::uint8_t list);
  void unlink(std::uint32_t slot);
  void release(std::uint32_t slot);
  void evict_one();

  std::uint32_t max_;
  std::uint64_t evicted_ = 0;
  std::deque<SourceMemory> slots_;  ///< grows without moving what is there
  std::vector<std::uint32_t> free_;
  std::array<List, static_cast<std::size_t>(Standing::kCount)> lists_;
  boost::unordered_flat_map<IpPrefix, std::uint32_t, std::hash<IpPrefix>> index_;
};

}  // namespace probewall::rules
