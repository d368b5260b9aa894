// SPDX-License-Identifier: Apache-2.0
// The bounded table of connections, with the queues that make time-outs and eviction cheap.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/flow/answer.hpp"
#include "core/flow/request_stream.hpp"
#include "core/flow/segment_buffer.hpp"
#include "probewall/ip.hpp"
#include "probewall/large_pages.hpp"
#include "probewall/slot_index.hpp"

namespace probewall {

/// Queues a flow can stand in. The first three say how it ages: it stands in one of them.
enum FlowQueue : std::uint8_t {
  kActiveQueue,    ///< least recently used first
  kUnprovenQueue,  ///< nothing proven yet: first to be evicted
  kClosedQueue,    ///< lingers, so that late copies are known for what they are
  kRequestQueue,   ///< a request is half-read, oldest first
  kAnswerQueue,    ///< first bytes of an answer wait for more
  kHeldQueue,      ///< segments wait for proof
  kReadyQueue,     ///< segments wait for bytes before them
  kHttp2Queue,     ///< HTTP/2 connections, least recently used first
  kQueueCount
};
inline constexpr std::uint32_t kNoFlow = 0xffffffffu;

/// One connection.
struct Flow {
  struct Link {
    std::uint32_t prev = kNoFlow;
    std::uint32_t next = kNoFlow;
  };

  FlowKey key;
  std::uint32_t index = kNoFlow;
  std::array<Link, kQueueCount> links;
  std::uint16_t queues = 0;  ///< bit per FlowQueue

  std::uint32_t expected = 0;  ///< next byte of the stream, unless `floating`
  std::uint32_t isn1 = 0;
  std::uint32_t fin_seq = 0;
  std::uint32_t skip_slot = 0;
  std::uint32_t skip_tag = 0;
  std::uint32_t skip_resume = 0;
  std::uint32_t captured = 0;  ///< bytes captured since the last grant
  std::uint32_t requests = 0;  ///< given out
  std::uint32_t conflict_lo = 0, conflict_hi = 0;
  std::uint8_t service = 0;
  bool floating = true;   ///< no anchor: the next request line found becomes it
  bool anchored = false;  ///< isn1 is known
  bool accepted = false;  ///< bytes were fed to the stream
  bool decoy = false;
  bool skip_active = false;
  bool want_grant = false;
  bool fin_known = false;
  bool conflict = false;
  bool http2_unseen = false;  ///< joined in the middle of an HTTP/2 connection
  std::uint8_t ack_count = 0;

  Timestamp last_time{};
  Timestamp last_begin{};  ///< packet that began the request before
  Timestamp last_end{};    ///< packet that ended it
  Timestamp ready_since{};
  RequestStream stream;
  ReadyBuffer ready;
  HeldBuffer held;
  std::array<ServerAck, 2> acks;  ///< the last ones, newest first
  AnswerMatcher answers;

  bool in(FlowQueue q) const { return (queues >> q & 1) != 0; }
};

class FlowTable {
 public:
  FlowTable(std::uint32_t max_flows, std::uint64_t hash_seed);
  Flow* find(const FlowKey& key);
  /// A fresh flow; the caller has made room. Never when full().
  Flow& create(const FlowKey& key);
  void erase(Flow& flow);
  bool full() const { return index_.size() >= max_flows_; }
  std::size_t size() const { return index_.size(); }
  std::uint32_t max_flows() const { return max_flows_; }

  Flow* front(FlowQueue q);
  std::size_t count(FlowQueue q) const { return queues_[q].count; }
  /// Appends, after taking it out if it was in.
  void push_back(Flow& flow, FlowQueue q);
  void remove(Flow& flow, FlowQueue q);
  /// Puts the flow at the young end of one of the ageing queues.
  void age_in(Flow& flow, FlowQueue q);
  void touch(Flow& flow);

 private:
  struct Queue {
    std::uint32_t head = kNoFlow;
    std::uint32_t tail = kNoFlow;
    std::size_t count = 0;
  };
  std::uint64_t hash(const FlowKey& key) const { return hash_flow(key, hash_seed_); }

  std::uint32_t max_flows_;
  std::uint64_t hash_seed_;
  SlotIndex index_;
  PagedVector<Flow> slab_;  // stable addresses
  std::vector<std::uint32_t> free_;
  std::array<Queue, kQueueCount> queues_;
};

// Called for every record, several times.

inline Flow* FlowTable::front(FlowQueue q) {
  const std::uint32_t head = queues_[q].head;
  return head == kNoFlow ? nullptr : &slab_[head];
}

inline void FlowTable::push_back(Flow& flow, FlowQueue q) {
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

inline void FlowTable::remove(Flow& flow, FlowQueue q) {
  if (!flow.in(q)) return;
  Queue& queue = queues_[q];
  const Flow::Link link = flow.links[q];
  (link.prev == kNoFlow ? queue.head : slab_[link.prev].links[q].next) = link.next;
  (link.next == kNoFlow ? queue.tail : slab_[link.next].links[q].prev) = link.prev;
  --queue.count;
  flow.queues = static_cast<std::uint16_t>(flow.queues & ~(1u << q));
}

}  // namespace probewall
