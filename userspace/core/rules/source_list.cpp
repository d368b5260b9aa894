// SPDX-License-Identifier: Apache-2.0
#include "core/rules/source_list.hpp"

namespace probewall::rules {

SourceMemory* SourceList::find(const IpPrefix& source) {
  const auto found = index_.find(source);
  return found == index_.end() ? nullptr : &slots_[found->second];
}

const SourceMemory* SourceList::find(const IpPrefix& source) const {
  const auto found = index_.find(source);
  return found == index_.end() ? nullptr : &slots_[found->second];
}

SourceMemory& SourceList::touch(const IpPrefix& source, std::uint32_t now_ds) {
  if (SourceMemory* known = find(source)) return *known;
  if (index_.size() >= max_) evict_one();
  std::uint32_t slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  SourceMemory& memory = slots_[slot];
  memory = SourceMemory{};
  memory.source = source;
  memory.first_ds = memory.last_ds = now_ds;
  memory.used = true;
  memory.slot = slot;
  index_.emplace(source, slot);
  link(slot, static_cast<std::uint8_t>(Standing::kPlain));
  return memory;
}

void SourceList::set_standing(SourceMemory& memory, Standing standing) {
  const std::uint32_t slot = memory.slot;
  unlink(slot);
  link(slot, static_cast<std::uint8_t>(standing));
}

void SourceList::erase(const IpPrefix& source) {
  const auto found = index_.find(source);
  if (found != index_.end()) release(found->second);
}

void SourceList::link(std::uint32_t slot, std::uint8_t list) {
  SourceMemory& memory = slots_[slot];
  memory.list = list;
  memory.newer = kNone;
  memory.older = lists_[list].newest;
  if (memory.older != kNone) slots_[memory.older].newer = slot;
  lists_[list].newest = slot;
  if (lists_[list].oldest == kNone) lists_[list].oldest = slot;
}

void SourceList::unlink(std::uint32_t slot) {
  SourceMemory& memory = slots_[slot];
  List& list = lists_[memory.list];
  (memory.newer == kNone ? list.newest : slots_[memory.newer].older) = memory.older;
  (memory.older == kNone ? list.oldest : slots_[memory.older].newer) = memory.newer;
}

void SourceList::release(std::uint32_t slot) {
  unlink(slot);
  index_.erase(slots_[slot].source);
  slots_[slot] = SourceMemory{};
  free_.push_back(slot);
}

void SourceList::evict_one() {
  for (const List& list : lists_) {
    if (list.oldest == kNone) continue;
    ++evicted_;
    release(list.oldest);
    return;
  }
}

}  // namespace probewall::rules
