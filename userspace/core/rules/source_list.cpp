// SPDX-License-Identifier: Apache-2.0
#include "core/rules/source_list.hpp"

#include <algorithm>

namespace probewall::rules {

SourceList::SourceList(std::uint32_t max_sources) : max_(std::max(max_sources, 16u)) {}

std::uint32_t SourceList::find(const IpPrefix& source, std::uint64_t hash) const {
  return index_.find(hash, [&](std::uint32_t slot) { return at(slot).source == source; });
}

SourceMemory* SourceList::find(const IpPrefix& source) {
  const std::uint32_t slot = find(source, hash(source));
  return slot == kNone ? nullptr : &at(slot);
}

const SourceMemory* SourceList::find(const IpPrefix& source) const {
  const std::uint32_t slot = find(source, hash(source));
  return slot == kNone ? nullptr : &at(slot);
}

SourceMemory& SourceList::touch(const IpPrefix& source, std::uint32_t now_ds) {
  const std::uint64_t hashed = hash(source);
  std::uint32_t slot = find(source, hashed);
  if (slot != kNone) return at(slot);
  if (size_ >= max_) evict_one(kNone);
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
  index_.insert(hashed, slot);
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
  return heap_ + size_ * sizeof(SourceMemory) + index_.bytes();
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
  index_.erase(hash(at(slot).source), slot);
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
