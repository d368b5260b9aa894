// SPDX-License-Identifier: Apache-2.0
// Access to the buckets of both families (abi/block_table.h). One writer; readers are XDP and tc
// programs on other CPUs, so every store that publishes is a release store of one aligned word.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>

#include "dataplane/mapped_words.hpp"
#include "probewall/abi/block_table.h"
#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"

namespace probewall {

/// An entry as a slot holds it.
struct SlotEntry {
  std::uint32_t state = 0;  ///< PW_SLOT_STATE
  std::uint32_t handle = 0;
  std::uint8_t marks = 0;  ///< PW_MARKS

  static SlotEntry from(const pw_block_entry& e) {
    const auto expires = e.expires_s == PW_NEVER_EXPIRES || e.expires_s >= PW_SLOT_NEVER
                             ? PW_SLOT_NEVER
                             : e.expires_s;
    return {PW_SLOT_STATE(expires, e.action & 3), e.handle,
            static_cast<std::uint8_t>(PW_MARKS(e.origin & 3, e.tag_bits & 15))};
  }
  pw_block_entry entry(std::uint8_t length) const {
    pw_block_entry e{};
    const auto expires = PW_SLOT_EXPIRES(state);
    e.expires_s = expires == PW_SLOT_NEVER ? PW_NEVER_EXPIRES : expires;
    e.handle = handle;
    e.action = static_cast<__u8>(PW_SLOT_ACTION(state));
    e.origin = static_cast<__u8>(PW_MARKS_ORIGIN(marks));
    e.tag_bits = static_cast<__u8>(PW_MARKS_TAGS(marks));
    e.prefix_len = length;
    return e;
  }
};

struct V4Slots {
  using Bucket = pw_v4_bucket;
  using Key = std::uint32_t;  ///< host order
  static constexpr unsigned kSlots = PW_V4_SLOTS;
  static constexpr unsigned kHandleStride = PW_V4_HANDLE_STRIDE;
  static constexpr __u64 kOverflowed = PW_V4_OVERFLOWED;
  static constexpr unsigned kLog2At = PW_V4_LOG2_AT;
  static constexpr std::uint8_t kLength = 32;
  static constexpr bool kGated = false;  ///< the bits of `seen` are the gate's
  /// Prefilter bits for each bucket (4.4 addresses in a full table, 2.2 after it doubled).
  static constexpr unsigned kSeenLog2 = 5, kSeenLog2Max = PW_SEEN4_LOG2_MAX;

  static Key key_of(const IpAddress& a) { return a.v4_host_order(); }
  static IpAddress address_of(Key k) { return IpAddress::from_v4(k); }
  static std::uint64_t hash(Key k, std::uint64_t seed) { return pw_block_mix(k, seed); }
  static std::uint64_t seen_hash(Key k) { return PW_SEEN4_HASH(std::uint64_t{k}); }
  static Key key_at(const Bucket& b, unsigned s) { return static_cast<Key>(b.word[s] >> 32); }
  static std::uint32_t state_at(const Bucket& b, unsigned s) {
    return static_cast<std::uint32_t>(load_word(b.word[s]));
  }
  static void fill(Bucket& b, unsigned s, Key k, std::uint32_t state) {
    store_word<__u64>(b.word[s], PW_V4_WORD(k, state));
  }
  static void set_state(Bucket& b, unsigned s, std::uint32_t state) {
    fill(b, s, key_at(b, s), state);
  }
  /// Readers take an empty slot for 0.0.0.0 without an entry: that address has no bucket.
  static void clear(Bucket& b, unsigned s) { store_word<__u64>(b.word[s], 0); }
  static bool has_bucket(Key k) { return k != 0; }
};

struct V6Slots {
  using Bucket = pw_v6_bucket;
  struct Key {
    __u64 half[2];
    auto operator<=>(const Key&) const = default;
  };
  static constexpr unsigned kSlots = PW_V6_SLOTS;
  static constexpr unsigned kHandleStride = PW_V6_HANDLE_STRIDE;
  static constexpr __u32 kOverflowed = PW_V6_OVERFLOWED;
  static constexpr unsigned kLog2At = PW_V6_LOG2_AT;
  static constexpr std::uint8_t kLength = 128;
  static constexpr bool kGated = true;
  /// Prefilter bits for each bucket (1.9 addresses in a full table, 0.9 after it doubled).
  static constexpr unsigned kSeenLog2 = 3, kSeenLog2Max = PW_SEEN6_LOG2_MAX;

  static Key key_of(const IpAddress& a) {
    Key k;
    std::memcpy(k.half, a.bytes.data(), 16);
    return k;
  }
  static IpAddress address_of(const Key& k) {
    IpAddress a;
    std::memcpy(a.bytes.data(), k.half, 16);
    return a;
  }
  static std::uint64_t hash(const Key& k, std::uint64_t seed) {
    return pw_block_mix(k.half[1] ^ pw_block_mix(k.half[0], seed), seed);
  }
  static std::uint64_t seen_hash(const Key& k) { return PW_SEEN6_HASH(k.half[0], k.half[1]); }
  static std::uint64_t gate_bit(const Key& k) { return PW_GATE6_BIT(k.half[0]); }
  static Key key_at(const Bucket& b, unsigned s) { return {{b.addr[s][0], b.addr[s][1]}}; }
  static std::uint32_t state_at(const Bucket& b, unsigned s) { return load_word(b.state[s]); }
  static void fill(Bucket& b, unsigned s, const Key& k, std::uint32_t state) {
    store_word(b.addr[s][0], k.half[0]);
    store_word(b.addr[s][1], k.half[1]);
    set_state(b, s, state);
  }
  static void set_state(Bucket& b, unsigned s, std::uint32_t state) {
    store_word(b.state[s], state);
  }
  static void clear(Bucket& b, unsigned s) { set_state(b, s, 0); }
  static bool has_bucket(const Key&) { return true; }
};

template <typename B>
std::uint8_t marks_at(const B& bucket, unsigned slot) {
  return static_cast<std::uint8_t>(PW_SLOT_MARKS(bucket.meta, slot));
}
template <typename B>
void set_marks(B& bucket, unsigned slot, std::uint8_t marks) {
  using Meta = decltype(bucket.meta);
  const auto shift = PW_SLOT_MARK_BITS * slot;
  const Meta cleared = bucket.meta & ~(Meta{63} << shift);
  store_word<Meta>(bucket.meta, cleared | (Meta{marks} << shift));
}

}  // namespace probewall
