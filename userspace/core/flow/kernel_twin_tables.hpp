// SPDX-License-Identifier: Apache-2.0
// Bounded tables of the kernel twin; each stands for one pinned map.
#pragma once

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"
#include "probewall/large_pages.hpp"
#include "probewall/prefetch.hpp"
#include "probewall/slot_index.hpp"
#include "probewall/time.hpp"

namespace probewall::twin {

/// Least recently used goes first, as in BPF_MAP_TYPE_LRU_HASH (which is only approximately so).
/// Here an entry moves up when an eighth of the capacity was used since it last did: the neighbours
/// of an entry in the list are cache misses, and most entries are used several times in a row.
template <typename Key, typename Value>
class LruTable {
 public:
  explicit LruTable(std::uint32_t capacity) : capacity_(std::max(capacity, 1u)) {}

  /// nullptr when absent. Valid until the next create().
  Value* find(const Key& key) {
    const std::uint32_t at = index_.find(
        hash(key), [&](std::uint32_t candidate) { return nodes_[candidate].key == key; });
    if (at == SlotIndex::kNone) return nullptr;
    touch(at);
    return &nodes_[at].value;
  }

  /// `key` must be absent; evicts when full.
  Value& create(const Key& key) {
    std::uint32_t at;
    if (nodes_.size() < capacity_) {
      at = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      at = tail_;
      unlink(at);
      if (tail_ != kNone) prefetch(nodes_[tail_]);  // the next one to go
      index_.erase(hash(nodes_[at].key), at);
      nodes_[at].value = Value{};
    }
    Node& node = nodes_[at];
    node.key = key;
    push_front(at);
    index_.insert(hash(key), at);
    return node.value;
  }

  /// Overwrites, or creates.
  Value& put(const Key& key, const Value& value) {
    Value* found = find(key);
    Value& slot = found != nullptr ? *found : create(key);
    slot = value;
    return slot;
  }

  std::uint64_t size() const { return nodes_.size(); }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  struct Node {
    Key key{};
    Value value{};
    std::uint32_t before = kNone, after = kNone;
    std::uint64_t moved = 0;  ///< value of moves_ when it last moved up
  };

  static std::uint64_t hash(const Key& key) { return std::hash<Key>{}(key); }

  void touch(std::uint32_t at) {
    if (head_ == at || moves_ - nodes_[at].moved < capacity_ / 8) return;
    unlink(at);
    push_front(at);
  }
  void unlink(std::uint32_t at) {
    const Node& n = nodes_[at];
    (n.before == kNone ? head_ : nodes_[n.before].after) = n.after;
    (n.after == kNone ? tail_ : nodes_[n.after].before) = n.before;
  }
  void push_front(std::uint32_t at) {
    Node& node = nodes_[at];
    node.before = kNone;
    node.after = head_;
    node.moved = ++moves_;
    (head_ == kNone ? tail_ : nodes_[head_].before) = at;
    head_ = at;
  }

  std::uint32_t capacity_;
  std::uint32_t head_ = kNone, tail_ = kNone;
  std::uint64_t moves_ = 0;
  PagedVector<Node> nodes_;
  SlotIndex index_;
};

/// pw_synack. The kernel's array is direct-mapped, and a collision costs the earlier connection its
/// quick proof. Here each slot index has eight ways, oldest out first: of a file every request can
/// be judged.
class SynackTable {
 public:
  explicit SynackTable(std::uint64_t seed) : seed_(seed), slots_(PW_SYNACK_SLOTS) {}
  struct Isns {
    std::uint32_t server_isn1 = 0;
    std::uint32_t client_isn1 = 0;
    std::uint32_t spoken = 0;  ///< bytes that the server has sent since, to a silent client
  };
  std::uint64_t hash(const FlowKey& flow) const { return hash_flow(flow, seed_); }
  void store(std::uint64_t hash, Isns isns);
  std::optional<Isns> find(std::uint64_t hash) const;
  /// The server has sent `length` bytes at `seq` to a client that is not known to have spoken.
  void note_spoken(std::uint64_t hash, std::uint32_t seq, std::uint32_t length);

 private:
  /// Number of the slot, or of none: slots_.size().
  std::size_t slot_of(std::uint64_t hash) const;
  static constexpr std::size_t kWays = 8;
  static std::size_t first_way(std::uint64_t hash) {
    return (hash & (PW_SYNACK_SLOTS - 1)) / kWays * kWays;
  }
  std::uint64_t seed_;
  std::vector<pw_synack_slot, LargePages<pw_synack_slot>> slots_;
};

/// Whole milliseconds since `refill_ns`, which moves on by just as many: no rounding is lost.
std::uint64_t elapsed_ms(__u64& refill_ns, std::uint64_t now_ns);
std::uint64_t refilled(std::uint64_t tokens, std::uint64_t add, std::uint64_t burst);

/// Block or allow entries by prefix.
template <typename Entry>
class PrefixTable {
 public:
  void put(const IpPrefix& prefix, const Entry& entry) {
    if (entries_.insert_or_assign(prefix, entry).second) ++lengths(prefix)[prefix.length];
  }
  /// Calls `visit(entry)` for every entry that covers `address`, longest prefix first, until it
  /// returns true.
  template <typename Visit>
  void visit_covering(const IpAddress& address, Visit visit) const {
    if (entries_.empty()) return;
    const auto& counts = address.is_v4() ? v4_ : v6_;
    for (unsigned length = address.is_v4() ? 32 : 128;; --length) {
      if (counts[length] > 0) {
        const auto found = entries_.find(IpPrefix::of(address, length));
        if (found != entries_.end() && visit(found->second)) return;
      }
      if (length == 0) return;
    }
  }
  template <typename Accept>
  bool any_overlap(const IpPrefix& prefix, Accept accept) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const auto& e) { return accept(e.second) && e.first.overlaps(prefix); });
  }
  template <typename Remove>
  void erase_if(Remove remove) {
    boost::unordered::erase_if(entries_, [&](const auto& e) {
      if (!remove(e.second)) return false;
      --lengths(e.first)[e.first.length];
      return true;
    });
  }
  std::size_t size() const { return entries_.size(); }

 private:
  std::array<std::uint32_t, 129>& lengths(const IpPrefix& p) { return p.is_v4() ? v4_ : v6_; }
  boost::unordered_flat_map<IpPrefix, Entry, std::hash<IpPrefix>> entries_;
  std::array<std::uint32_t, 129> v4_{}, v6_{};
};

}  // namespace probewall::twin
