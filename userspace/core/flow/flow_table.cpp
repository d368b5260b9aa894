// SPDX-License-Identifier: Apache-2.0
#include "core/flow/flow_table.hpp"

#include <algorithm>

#include "probewall/prefetch.hpp"

namespace probewall {

FlowTable::FlowTable(std::uint32_t max_flows, std::uint64_t hash_seed)
    : max_flows_(std::max(max_flows, 1u)), hash_seed_(hash_seed) {}

Flow* FlowTable::find(const FlowKey& key) {
  const std::uint32_t index =
      index_.find(hash(key), [&](std::uint32_t slot) { return slab_[slot].key == key; });
  return index == SlotIndex::kNone ? nullptr : &slab_[index];
}

Flow& FlowTable::create(const FlowKey& key) {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slab_.size());
    slab_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  if (!free_.empty()) prefetch(slab_[free_.back()]);  // the next one's
  Flow& flow = slab_[index];
  flow.key = key;
  flow.index = index;
  index_.insert(hash(key), index);
  return flow;
}

void FlowTable::erase(Flow& flow) {
  for (unsigned q = 0; q < kQueueCount; ++q) remove(flow, static_cast<FlowQueue>(q));
  if (const Flow* next = front(kClosedQueue)) prefetch(*next);
  const std::uint32_t index = flow.index;
  index_.erase(hash(flow.key), index);
  flow = Flow{};
  free_.push_back(index);
}

void FlowTable::age_in(Flow& flow, FlowQueue q) {
  for (const FlowQueue other : {kActiveQueue, kUnprovenQueue, kClosedQueue}) {
    if (other != q) remove(flow, other);
  }
  push_back(flow, q);
}

void FlowTable::touch(Flow& flow) {
  if (flow.in(kActiveQueue)) push_back(flow, kActiveQueue);
  if (flow.in(kUnprovenQueue)) push_back(flow, kUnprovenQueue);
}

}  // namespace probewall
