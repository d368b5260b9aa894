// SPDX-License-Identifier: Apache-2.0
#include "core/rules/source_list.hpp"

#include <algorithm>

namespace probewall::rules {

SourceList::SourceList(std::uint32_t max_sources) : max_(std::max(max_sources, 16u)), places_(64) {}

std::size_t SourceList::place_of(const IpPrefix& source) const {
  const std::uint64_t h = hash(source);
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  for (std::size_t i = home(h);; i = (i + 1) & (places_.size() - 1)) {
    const Place& place = places_[i];
    if (place.slot == kNone) return i;
    if (place.tag == tag && at(place.slot).source == source) return i;
  }
}

SourceMemory* SourceList::find(const IpPrefix& source) {
  const std::uint32_t slot = places_[place_of(source)].slot;
  return slot == kNone ? nullptr : &at(slot);
}

const SourceMemory* SourceList::find(const IpPrefix& source) const {
  const std::uint32_t slot = places_[place_of(source)].slot;
  return slot == kNone ? nullptr : &at(slot);
}

void SourceList::insert(const IpPrefix& source, std::uint32_t slot) {
  places_[place_of(source)] = {static_cast<std::uint32_t>(hash(source) >> 32), slot};
}

/// Closes the hole by moving later entries of the same run back (Knuth 6.4, algorithm R).
void SourceList::remove(const IpPrefix& source) {
  const std::size_t mask = places_.size() - 1;
  std::size_t hole = place_of(source);
  for (std::size_t i = (hole + 1) & mask; places_[i].slot != kNone; i = (i + 1) & mask) {
    const std::size_t wanted = home(hash(at(places_[i].slot).source));
    if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
    places_[hole] = places_[i];
    hole = i;
  }
  places_[hole] = Place{};
}

void SourceList::grow_index() {
  std::vector<Place, LargePages<Place>> old(places_.size() * 2);
  old.swap(places_);
  for (const Place& place : old) {
    if (place.slot != kNone) insert(at(place.slot).source, place.slot);
  }
}

SourceMemory& SourceList::touch(const IpPrefix& source, std::uint32_t now_ds) {
  if (SourceMemory* known = find(source)) return *known;
  if (size_ >= max_) evict_one(kNone);
  if ((size_ + 1) * 4 > places_.size() * 3) grow_index();
  std::uint32_t slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  SourceMemory& memory = at(slot);
  memory.source = source;
  memory.first_ds = memory.last_ds = now_ds;
  memory.used = true;
  ++size_;
  insert(source, slot);
  link(slot, static_cast<std::uint8_t>(Standing::kPlain));
  return memory;
}

void SourceList::set_standing(SourceMemory& memory, Standing standing) {
  const auto list = static_cast<std::uint8_t>(standing);
  if (memory.list == list && memory.newer == kNone) return;  // the newest there already
  const std::uint32_t slot = slot_of(memory);
  unlink(slot);
  link(slot, list);
}

std::uint32_t SourceList::slot_of(const SourceMemory& memory) const {
  if (memory.newer != kNone) return at(memory.newer).older;
  return lists_[memory.list].newest;
}

void SourceList::account(const SourceMemory& memory, std::size_t heap_before) {
  const std::size_t heap_now = memory.heap_bytes();
  heap_ += heap_now;
  heap_ -= heap_before;
  if (heap_now <= heap_before || bytes() <= max_bytes()) return;
  const std::uint32_t keep = slot_of(memory);
  while (bytes() > max_bytes() && evict_one(keep)) {
  }
}

std::uint64_t SourceList::bytes() const {
  return heap_ + size_ * sizeof(SourceMemory) + places_.size() * sizeof(Place);
}

void SourceList::link(std::uint32_t slot, std::uint8_t list) {
  SourceMemory& memory = at(slot);
  memory.list = list;
  memory.newer = kNone;
  memory.older = lists_[list].newest;
  if (memory.older != kNone) at(memory.older).newer = slot;
  lists_[list].newest = slot;
  if (lists_[list].oldest == kNone) lists_[list].oldest = slot;
}

void SourceList::unlink(std::uint32_t slot) {
  SourceMemory& memory = at(slot);
  List& list = lists_[memory.list];
  (memory.newer == kNone ? list.newest : at(memory.newer).older) = memory.older;
  (memory.older == kNone ? list.oldest : at(memory.older).newer) = memory.newer;
}

void SourceList::release(std::uint32_t slot) {
  unlink(slot);
  remove(at(slot).source);
  heap_ -= at(slot).heap_bytes();
  at(slot) = SourceMemory{};
  free_.push_back(slot);
  --size_;
}

/// False when `keep` is the only one left.
bool SourceList::evict_one(std::uint32_t keep) {
  for (const List& list : lists_) {
    std::uint32_t victim = list.oldest;
    if (victim == keep && victim != kNone) victim = at(victim).newer;
    if (victim == kNone) continue;
    ++evicted_;
    release(victim);
    return true;
  }
  return false;
}

}  // namespace probewall::rules
