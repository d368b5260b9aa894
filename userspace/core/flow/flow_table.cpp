// SPDX-License-Identifier: Apache-2.0
#include "core/flow/flow_table.hpp"

#include <algorithm>

namespace probewall {

FlowTable::FlowTable(std::uint32_t max_flows, std::uint64_t hash_seed)
    : max_flows_(std::max(max_flows, 1u)), map_(0, Hash{hash_seed}) {}

Flow* FlowTable::find(const FlowKey& key) {
  const auto it = map_.find(key);
  return it == map_.end() ? nullptr : &slab_[it->second];
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
  Flow& flow = slab_[index];
  flow.key = key;
  flow.index = index;
  map_.emplace(key, index);
  return flow;
}

void FlowTable::erase(Flow& flow) {
  for (unsigned q = 0; q < kQueueCount; ++q) remove(flow, static_cast<FlowQueue>(q));
  map_.erase(flow.key);
  const std::uint32_t index = flow.index;
  flow = Flow{};
  free_.push_back(index);
}

Flow* FlowTable::front(FlowQueue q) {
  const std::uint32_t head = queues_[q].head;
  return head == kNoFlow ? nullptr : &slab_[head];
}

void FlowTable::push_back(Flow& flow, FlowQueue q) {
  Queue& queue = queues_[q];
  if (queue.tail == flow.index) return;
  remove(flow, q);
  flow.links[q] = {queue.tail, kNoFlow};
  if (queue.tail == kNoFlow) {
    queue.head = flow.index;
  } else {
    slab_[queue.tail].links[q].next = flow.index;
  }
  queue.tail = flow.index;
  ++queue.count;
  flow.queues = static_cast<std::uint16_t>(flow.queues | 1u << q);
}

void FlowTable::remove(Flow& flow, FlowQueue q) {
  if (!flow.in(q)) return;
  Queue& queue = queues_[q];
  const Flow::Link link = flow.links[q];
  (link.prev == kNoFlow ? queue.head : slab_[link.prev].links[q].next) = link.next;
  (link.next == kNoFlow ? queue.tail : slab_[link.next].links[q].prev) = link.prev;
  --queue.count;
  flow.queues = static_cast<std::uint16_t>(flow.queues & ~(1u << q));
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
