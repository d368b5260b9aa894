// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "probewall/large_pages.hpp"

namespace probewall {

/// Finds the slot of a table by its key's hash; the keys stay in the table. Eight bytes an entry,
/// so that most of a look-up's places share a cache line, and neither growing nor erasing looks at
/// a key. Hashes must be good in their upper half.
class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;  ///< no slot

  SlotIndex() : places_(64) {}

  /// The slot of this hash for which `has_key(slot)` is true, or kNone.
  template <typename HasKey>
  std::uint32_t find(std::uint64_t hash, HasKey has_key) const {
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t i = tag & mask();; i = (i + 1) & mask()) {
      const Place& place = places_[i];
      if (place.slot == kNone || (place.tag == tag && has_key(place.slot))) return place.slot;
    }
  }

  /// The key must be absent.
  void insert(std::uint64_t hash, std::uint32_t slot) {
    if ((size_ + 1) * 4 > places_.size() * 3) grow();
    put({tag_of(hash), slot});
    ++size_;
  }

  /// The slot must be there. Closes the hole by moving later entries of the same run back (Knuth
  /// 6.4, algorithm R).
  void erase(std::uint64_t hash, std::uint32_t slot) {
    std::size_t hole = tag_of(hash) & mask();
    while (places_[hole].slot != slot) hole = (hole + 1) & mask();
    for (std::size_t i = (hole + 1) & mask(); places_[i].slot != kNone; i = (i + 1) & mask()) {
      if (((i - places_[i].tag) & mask()) < ((i - hole) & mask())) continue;
      places_[hole] = places_[i];
      hole = i;
    }
    places_[hole] = Place{};
    --size_;
  }

  /// Asks for the memory that find() begins with.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&places_[tag_of(hash) & mask()]); }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return places_.size() * sizeof(Place); }

 private:
  /// Open addressing with linear probing; slot kNone: empty.
  struct Place {
    std::uint32_t tag = 0;  ///< says where it would stand were the run empty
    std::uint32_t slot = kNone;
  };
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t mask() const { return places_.size() - 1; }

  void put(Place place) {
    std::size_t i = place.tag & mask();
    while (places_[i].slot != kNone) i = (i + 1) & mask();
    places_[i] = place;
  }

  void grow() {
    Places old(places_.size() * 2);
    old.swap(places_);
    for (const Place& place : old) {
      if (place.slot != kNone) put(place);
    }
  }

  using Places = std::vector<Place, LargePages<Place>>;
  Places places_;
  std::size_t size_ = 0;
};

}  // namespace probewall
