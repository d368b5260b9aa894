// SPDX-License-Identifier: Apache-2.0
// Single addresses of one family: buckets with two choices for each address, in a table that grows
// and shrinks by being replaced (abi/block_table.h).
#pragma once

#include <array>
#include <bit>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dataplane/block_gate.hpp"
#include "dataplane/block_seen.hpp"
#include "dataplane/block_slots.hpp"
#include "dataplane/mapped_map.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Where an address goes that found both its buckets full.
class SpillStore {
 public:
  virtual ~SpillStore() = default;
  virtual Result<void> put(const IpAddress& address, const pw_block_entry& entry) = 0;
  virtual void remove(const IpAddress& address) = 0;
};

/// The family's part of the prefilter and the gate; mapped memory, not owned.
struct SingleFront {
  pw_front_head* head = nullptr;
  __u64* seen = nullptr;
  std::size_t words = 0;
  pw_gate_table* table = nullptr;  ///< as `head`; a reader of the table needs no more from here on
  GateBits* gate = nullptr;        ///< when the table is `kGated`
};

/// `S`: V4Slots or V6Slots.
template <typename S>
class SingleTable {
 public:
  using Key = typename S::Key;
  using Bucket = typename S::Bucket;

  /// Takes over the table that `outer` (an ARRAY_OF_MAPS, not owned) holds; makes a small one
  /// where there is none, unless `read_only`. A writer calls `set_front` when all is known.
  static Result<SingleTable> open(int outer, const char* name, const SingleFront& front,
                                  bool read_only, SpillStore& spill) {
    SingleTable out{outer, name, front, spill};
    std::uint32_t id = 0;
    const std::uint32_t zero = 0;
    if (bpf_map_lookup_elem(outer, &zero, &id) == 0) {
      UniqueFd fd{bpf_map_get_fd_by_id(id)};
      if (!fd) return fail(errno, std::string{"open the table in "} + name);
      auto lines = MappedMap<pw_block_line>::of(fd.get(), read_only, name);
      if (!lines) return tl::unexpected(lines.error());
      out.table_ = Table{std::move(*lines)};
      out.for_each_in_buckets([&](const Key&, const SlotEntry&) { ++out.in_buckets_; });
      if (!read_only) stamp(out.table_);
      return out;
    }
    if (errno != ENOENT) return fail(errno, std::string{"read "} + name);
    if (read_only) return out;
    auto made = out.replace(kMinLog2);
    if (!made) return tl::unexpected(made.error());
    return out;
  }

  /// An entry found in the spill at start. One that is in a bucket too has nothing to do there.
  void adopt_spilled(const Key& key, const pw_block_entry& entry, bool read_only) {
    if (!find(key)) {
      spilled_[key] = SlotEntry::from(entry);
    } else if (!read_only) {
      spill_->remove(S::address_of(key));
    }
  }

  /// Makes the prefilter say what the table holds, whatever a killed writer, or a version with
  /// another prefilter, left: readers never miss an entry on the way. The gate is the caller's.
  void set_front() {
    if (front_.head->seed != table_.header().seed) {
      // No reader goes by this front yet: with one, the table was made with its seed.
      store_word<__u32>(front_.head->log2, 0);
      store_word<__u64>(front_.head->seed, table_.header().seed);
    }
    if (front_.table->seed != table_.header().seed) {
      store_word<__u32>(front_.table->log2, 0);
      store_word<__u64>(front_.table->seed, table_.header().seed);
    }
    SeenBits seen = counted(table_);
    const bool moved = front_.table->shift != seen.shift();
    point_front(table_.log2(), seen);
    if (moved && !wait_for_readers()) {  // no memory: bits of the former size stay until it grows
      seen_ = std::move(seen);
    } else {
      settle_front(std::move(seen));
    }
  }

  std::uint64_t size() const { return in_buckets_ + spilled_.size(); }
  std::uint64_t spilled() const { return spilled_.size(); }

  std::optional<SlotEntry> get(const Key& key) const {
    if (const auto at = find(key)) return entry_at(table_, *at);
    const auto it = spilled_.find(key);
    if (it == spilled_.end()) return std::nullopt;
    return it->second;
  }

  /// Adds or overwrites; true: it was not there. Errors: no memory, or no room in the spill.
  Result<bool> put(const Key& key, const SlotEntry& entry) {
    if (const auto at = find(key)) {
      overwrite(*at, entry);
      return false;
    }
    if (const auto it = spilled_.find(key); it != spilled_.end()) {
      if (auto stored = spill_->put(S::address_of(key), entry.entry(S::kLength)); !stored) {
        return tl::unexpected(stored.error());
      }
      it->second = entry;
      return false;
    }
    if (in_buckets_ + 1 > limit(table_.buckets()) && table_.log2() < kMaxLog2) {
      // Without memory for a larger table the one there is goes on: it fills up further.
      const unsigned log2 = table_.log2();
      const auto grown = replace(log2 < kQuickLog2 ? std::min(log2 + 2, kQuickLog2) : log2 + 1);
      if (!grown && grown.error().errno_value != ENOMEM) return tl::unexpected(grown.error());
    }
    if (!insert(table_, key, entry)) {
      if (auto stored = spill(key, entry); !stored) return tl::unexpected(stored.error());
    } else {
      ++in_buckets_;
    }
    seen_.add(S::seen_hash(key), front_.seen);
    if constexpr (S::kGated) front_.gate->add(S::gate_bit(key));
    return true;
  }

  bool remove(const Key& key) {
    if (const auto at = find(key)) {
      S::clear(table_.bucket(at->bucket), at->slot);
      resting_.insert(place_number(*at));
      --in_buckets_;
      hide(key);
      if (resting_.size() >= kMaxResting) (void)wait_for_readers();
      return true;
    }
    if (spilled_.erase(key) == 0) return false;
    spill_->remove(S::address_of(key));
    hide(key);
    return true;
  }

  /// Makes the table as small as its content allows.
  Result<void> fit() {
    unsigned log2 = kMinLog2;
    while (limit(std::uint64_t{1} << log2) < size() && log2 < kMaxLog2) ++log2;
    return log2 < table_.log2() ? replace(log2) : Result<void>{};
  }

  /// Waits until no packet goes by what it read before; slots emptied so far may then take other
  /// addresses. False: no memory for that.
  bool wait_for_readers() {
    std::uint32_t id = 0;
    const std::uint32_t zero = 0;
    if (bpf_map_lookup_elem(outer_, &zero, &id) != 0) return false;
    const UniqueFd same{bpf_map_get_fd_by_id(id)};
    return same && put_in_place(same.get()).has_value();
  }

  /// `visit(key, entry)` for every entry, expired ones too; false stops. `visit` must not change
  /// the table.
  template <typename Visit>
  bool for_each(Visit visit) const {
    bool going = true;
    for_each_in_buckets([&](const Key& k, const SlotEntry& e) { going = going && visit(k, e); });
    for (auto it = spilled_.begin(); going && it != spilled_.end(); ++it) {
      going = visit(it->first, it->second);
    }
    return going;
  }

 private:
  static constexpr unsigned kMinLog2 = 8, kQuickLog2 = 18, kMaxLog2 = 26;
  static constexpr std::size_t kMaxResting = 4096;

  /// How full: above, too many addresses find both buckets full (0.1 % do at 5/8).
  static std::uint64_t limit(std::uint64_t buckets) { return buckets * S::kSlots * 5 / 8; }

  static_assert(S::kSlots < S::kHandleStride && 16 % S::kHandleStride == 0,
                "a line of handles read as a bucket must say that it is of no table");

  struct Place {
    std::uint32_t bucket;
    unsigned slot;
  };

  struct Table {
    MappedMap<pw_block_line> lines;

    pw_block_header& header() const { return *reinterpret_cast<pw_block_header*>(lines.get()); }
    std::uint64_t buckets() const { return lines.get() == nullptr ? 0 : header().mask + 1; }
    unsigned log2() const { return static_cast<unsigned>(std::bit_width(buckets())) - 1; }
    Bucket& bucket(std::uint32_t i) const {
      return *reinterpret_cast<Bucket*>(lines.get() + PW_BLOCK_FIRST_BUCKET + i);
    }
    std::uint32_t& handle(const Place& at) const {
      auto* handles =
          reinterpret_cast<std::uint32_t*>(lines.get() + PW_BLOCK_FIRST_BUCKET + buckets());
      return handles[std::uint64_t{at.bucket} * S::kHandleStride + at.slot];
    }
    static std::uint32_t lines_for(std::uint64_t buckets) {
      return static_cast<std::uint32_t>(PW_BLOCK_FIRST_BUCKET + buckets +
                                        buckets * S::kHandleStride * 4 / sizeof(pw_block_line));
    }
    std::array<std::uint32_t, 2> choices(const Key& key) const {
      const auto h = S::hash(key, header().seed);
      return {pw_bucket_first(h, header().mask), pw_bucket_second(h, header().mask)};
    }
  };

  SingleTable(int outer, const char* name, const SingleFront& front, SpillStore& spill)
      : outer_(outer), name_(name), front_(front), spill_(&spill) {}

  /// Every bucket says how large its table is, and an empty slot is empty as readers know it:
  /// earlier versions left the address there.
  static void stamp(const Table& table) {
    using Meta = decltype(Bucket::meta);
    const Meta size = static_cast<Meta>(table.log2()) << S::kLog2At;
    for (std::uint64_t i = 0; i < table.buckets(); ++i) {
      Bucket& bucket = table.bucket(static_cast<std::uint32_t>(i));
      for (unsigned s = 0; s < S::kSlots; ++s) {
        if (PW_SLOT_ACTION(S::state_at(bucket, s)) == 0) S::clear(bucket, s);
      }
      const Meta stamped = (bucket.meta & ~(Meta{63} << S::kLog2At)) | size;
      if (bucket.meta != stamped) store_word<Meta>(bucket.meta, stamped);
    }
  }

  /// The prefilter bits of what `table` and the spill hold.
  SeenBits counted(const Table& table) const {
    SeenBits out{std::min(std::max(table.log2() + S::kSeenLog2, 6u), S::kSeenLog2Max)};
    for_each([&](const Key& k, const SlotEntry&) {
      out.count(S::seen_hash(k));
      return true;
    });
    return out;
  }

  /// Readers go by 2^log2 buckets and by `seen` from now on. Those that read the head before still
  /// find their bits, and the buckets tell them when the table is another.
  void point_front(unsigned log2, const SeenBits& seen) {
    seen.publish(front_.seen, front_.words, true);
    store_word<__u32>(front_.head->shift, seen.shift());
    store_word<__u32>(front_.table->shift, seen.shift());
    store_word<__u32>(front_.head->log2, log2);
    store_word<__u32>(front_.table->log2, log2);
  }
  /// To be called once no reader goes by an earlier head.
  void settle_front(SeenBits seen) {
    seen.publish(front_.seen, front_.words, false);
    seen_ = std::move(seen);
  }

  /// The bits of an address that is gone.
  void hide(const Key& key) {
    seen_.drop(S::seen_hash(key), front_.seen);
    if constexpr (S::kGated) front_.gate->drop(S::gate_bit(key));
  }

  static std::uint64_t place_number(const Place& at) {
    return std::uint64_t{at.bucket} * S::kSlots + at.slot;
  }

  template <typename Visit>
  void for_each_in_buckets(Visit visit) const {
    for (std::uint64_t i = 0; i < table_.buckets(); ++i) {
      const auto b = static_cast<std::uint32_t>(i);
      for (unsigned s = 0; s < S::kSlots; ++s) {
        if (PW_SLOT_ACTION(S::state_at(table_.bucket(b), s)) == 0) continue;
        visit(S::key_at(table_.bucket(b), s), entry_at(table_, {b, s}));
      }
    }
  }

  static SlotEntry entry_at(const Table& table, const Place& at) {
    const Bucket& bucket = table.bucket(at.bucket);
    return {S::state_at(bucket, at.slot), table.handle(at), marks_at(bucket, at.slot)};
  }

  std::optional<Place> find(const Key& key) const {
    if (table_.buckets() == 0) return std::nullopt;
    for (const auto b : table_.choices(key)) {
      const Bucket& bucket = table_.bucket(b);
      for (unsigned s = 0; s < S::kSlots; ++s) {
        if (PW_SLOT_ACTION(S::state_at(bucket, s)) != 0 && S::key_at(bucket, s) == key) {
          return Place{b, s};
        }
      }
      if (!(bucket.meta & S::kOverflowed)) return std::nullopt;
    }
    return std::nullopt;
  }

  /// The state decides; marks that a reader pairs with the other state only name a counter, as long
  /// as the tag bits are there whenever the state says TAG.
  void overwrite(const Place& at, const SlotEntry& entry) {
    Bucket& bucket = table_.bucket(at.bucket);
    const bool tag = PW_SLOT_ACTION(entry.state) == PW_ACTION_TAG;
    if (tag) set_marks(bucket, at.slot, entry.marks);
    S::set_state(bucket, at.slot, entry.state);
    if (!tag) set_marks(bucket, at.slot, entry.marks);
    table_.handle(at) = entry.handle;
  }

  bool insert(Table& table, const Key& key, const SlotEntry& entry) const {
    for (const auto b : table.choices(key)) {
      Bucket& bucket = table.bucket(b);
      for (unsigned s = 0; s < S::kSlots; ++s) {
        if (PW_SLOT_ACTION(S::state_at(bucket, s)) != 0 || !S::has_bucket(key)) continue;
        if (&table == &table_ && resting_.contains(place_number({b, s}))) continue;
        table.handle({b, s}) = entry.handle;
        set_marks(bucket, s, entry.marks);
        S::fill(bucket, s, key, entry.state);
        return true;
      }
      // Stays as long as this table: a reader stops at a bucket that never overflowed.
      store_word<decltype(bucket.meta)>(bucket.meta, bucket.meta | S::kOverflowed);
    }
    return false;
  }

  Result<void> spill(const Key& key, const SlotEntry& entry) {
    auto stored = spill_->put(S::address_of(key), entry.entry(S::kLength));
    if (stored) spilled_[key] = entry;
    return stored;
  }

  /// Puts a table of 2^log2 buckets with the same content in the place of the present one. What
  /// finds no bucket in it is in the spill before readers see it, and what found one leaves the
  /// spill after the last reader of the old one is gone: the kernel waits for them.
  Result<void> replace(unsigned log2) {
    const std::uint64_t buckets = std::uint64_t{1} << log2;
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP;
    const UniqueFd fd{bpf_map_create(BPF_MAP_TYPE_ARRAY, "pw_block_lines", sizeof(std::uint32_t),
                                     sizeof(pw_block_line), Table::lines_for(buckets), &options)};
    if (!fd) return fail(errno, std::string{"make a larger table for "} + name_);
    auto lines = MappedMap<pw_block_line>::of(fd.get(), false, name_);
    if (!lines) return tl::unexpected(lines.error());
    Table next{std::move(*lines)};
    next.header().mask = buckets - 1;
    next.header().seed = front_.head->seed;
    stamp(next);
    std::uint64_t moved = 0;
    Result<void> spilled{};
    for_each_in_buckets([&](const Key& k, const SlotEntry& e) {
      if (insert(next, k, e)) {
        ++moved;
      } else if (spilled) {
        spilled = spill(k, e);
      }
    });
    if (!spilled) return spilled;
    std::vector<Key> rescued;
    for (const auto& [k, e] : spilled_) {
      if (insert(next, k, e)) rescued.push_back(k);
    }
    SeenBits seen = counted(next);
    point_front(log2, seen);
    if (auto put = put_in_place(fd.get()); !put) {
      if (table_.buckets() > 0) point_front(table_.log2(), seen_);
      return put;
    }
    settle_front(std::move(seen));
    table_ = std::move(next);
    in_buckets_ = moved + rescued.size();
    for (const auto& k : rescued) {
      spilled_.erase(k);
      spill_->remove(S::address_of(k));
    }
    return {};
  }

  /// Readers that began before it returns are through with what they read: writing to a map of maps
  /// waits for an RCU grace period, and programs run inside one.
  Result<void> put_in_place(int fd) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(outer_, &zero, &fd, BPF_ANY) != 0) {
      return fail(errno, std::string{"put a new table into "} + name_);
    }
    resting_.clear();
    return {};
  }

  int outer_;
  const char* name_;
  SingleFront front_;
  SeenBits seen_;
  SpillStore* spill_;
  Table table_;
  std::uint64_t in_buckets_ = 0;
  std::map<Key, SlotEntry> spilled_;
  boost::unordered_flat_set<std::uint64_t> resting_;
};

}  // namespace probewall
