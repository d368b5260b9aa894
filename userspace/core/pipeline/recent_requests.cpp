// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/recent_requests.hpp"

#include "probewall/prefetch.hpp"

namespace probewall {

RecentRequests::RecentRequests(std::size_t capacity) : ring_(capacity) {}

void RecentRequests::remember(const Request& from) {
  Request& to = ring_[from.id % ring_.size()];
  prefetch(ring_[(from.id + 1) % ring_.size()]);
  to.id = from.id;
  to.time = from.time;
  to.proven_time = from.proven_time;
  to.flow = from.flow;
  to.source = from.source;
  to.head.method = from.head.method;  // assignment reuses the slot's capacity
  to.head.path = from.head.path;
  static_cast<HeadFacts&>(to.head) = from.head;
  to.head.auth_hash = from.head.auth_hash;
  to.llm.model = from.llm.model;
  to.api = from.api;
  to.impl = from.impl;
  to.proven = from.proven;
  to.truncated = from.truncated;
  to.conflicting = from.conflicting;
  to.decoy = from.decoy;
  to.index_on_flow = from.index_on_flow;
  to.service = from.service;
}

const Request* RecentRequests::find(std::uint64_t request_id) const {
  const Request& slot = ring_[request_id % ring_.size()];
  return request_id != 0 && slot.id == request_id ? &slot : nullptr;
}

}  // namespace probewall
