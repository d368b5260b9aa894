/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "block": source address -> the entry in force, the strongest live one over all prefix
 * lengths: DROP > RATE_LIMIT > TAG; among equals the longest prefix. Layout and publication order:
 * probewall/abi/block_table.h. Written by userspace/dataplane/block_table.cpp;
 * block_reference.bpf.h answers the same with plain maps, and a test drives both. */
#ifndef PROBEWALL_BLOCK_BPF_H
#define PROBEWALL_BLOCK_BPF_H

#include "block_entry.bpf.h"
#include "probewall/abi/block_table.h"

#define PW_MMAP_ARRAY(name, entries, value_type) \
  struct {                                       \
    __uint(type, BPF_MAP_TYPE_ARRAY);            \
    __uint(max_entries, entries);                \
    __uint(map_flags, BPF_F_MMAPABLE);           \
    __type(key, __u32);                          \
    __type(value, value_type);                   \
    __uint(pinning, LIBBPF_PIN_BY_NAME);         \
  } name SEC(".maps")

/* struct pw_gate, by words: its name stays out of the skeletons. Nothing else may be in .bss. */
__u64 pw_block_gate[sizeof(struct pw_gate) / sizeof(__u64)];

PW_MMAP_ARRAY(pw_block_front4, 1, struct pw_front4);
PW_MMAP_ARRAY(pw_block_front6, 1, struct pw_front6);

struct pw_block_lines {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP); /* inner maps of any size */
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(union pw_block_line));
};

#define PW_BLOCK_SINGLES(name)                \
  struct {                                    \
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
    __uint(max_entries, 1);                   \
    __type(key, __u32);                       \
    __uint(pinning, LIBBPF_PIN_BY_NAME);      \
    __array(values, struct pw_block_lines);   \
  } name SEC(".maps")

PW_BLOCK_SINGLES(pw_block_ip4);
PW_BLOCK_SINGLES(pw_block_ip6);

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 17);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct pw_prefix_key);
  __type(value, struct pw_block_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_block_prefix SEC(".maps");

PW_INLINE const struct pw_front4 *pw_front4(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&pw_block_front4, &zero);
}
PW_INLINE const struct pw_front6 *pw_front6(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&pw_block_front6, &zero);
}

/* x >> n % 64: what BPF's shift does, and C does not say without a mask. */
PW_INLINE __u64 pw_shr(__u64 x, __u64 n) {
  asm volatile("%0 >>= %1" : "+r"(x) : "r"(n));
  return x;
}
/* Bit `bit` of `words`, an array of a power of two of them. */
#define PW_BIT_OF(words, bit)                                                          \
  ({                                                                                   \
    const __u64 bit_ = (bit);                                                          \
    pw_shr((words)[(bit_ / 64) & (sizeof(words) / sizeof((words)[0]) - 1)], bit_) & 1; \
  })

/* ---- single addresses ---------------------------------------------------------------------- */

/* What a bucket says about an address. */
struct pw_found {
  __u32 state; /* action 0: not here */
  __u32 marks;
  bool further; /* what is not here may be where the search goes on */
  __u32 log2;   /* of the number of buckets of its table, as the bucket says */
};

PW_INLINE bool pw_state_live(__u32 state) {
  const __u32 expires = PW_SLOT_EXPIRES(state);
  return expires == PW_SLOT_NEVER || pw_boottime_s() < expires;
}

PW_INLINE void pw_consider_found(struct pw_block_entry *best, const struct pw_found *found,
                                 __u8 prefix_len) {
  const __u32 expires = PW_SLOT_EXPIRES(found->state);
  const struct pw_block_entry entry = {
      .expires_s = expires == PW_SLOT_NEVER ? PW_NEVER_EXPIRES : expires,
      .action = PW_SLOT_ACTION(found->state),
      .origin = PW_MARKS_ORIGIN(found->marks),
      .prefix_len = prefix_len,
      .tag_bits = PW_MARKS_TAGS(found->marks),
  };
  pw_block_consider(best, &entry);
}

PW_INLINE void pw_consider_spilled(struct pw_block_entry *best, const struct pw_addr *addr,
                                   __u32 family) {
  struct pw_prefix_key key = {.length = family == PW_FAMILY_IPV4 ? 32 : 128, .family = family};
  pw_copy_addr(&key.addr, addr);
  const struct pw_block_entry *entry = bpf_map_lookup_elem(&pw_block_prefix, &key);
  if (entry) pw_block_consider(best, entry);
}

/* The address in a slot: the upper half of its word. */
#define PW_HIGH_HALF (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define PW_V4_ADDR(bucket, i) (((const volatile __u32 *)&(bucket)->word[i])[PW_HIGH_HALF])

/* Keeps the compiler from doing all slots' steps side by side, for which it has no registers. */
#define PW_STEP_DONE(a, b) asm volatile("" : "+r"(a), "+r"(b))

/* The slot of an address that has one; at most one has it. Without a branch on what was read: which
 * slot it is cannot be guessed, and guessing wrong would wait for the cache line, and throw away
 * what the processor has begun of the next packet. Few instructions for the same reason: the fewer,
 * the more packets it has in hand while it waits for one. */
PW_INLINE __u64 pw_v4_slot_of(const struct pw_v4_bucket *bucket, __u32 addr) {
  __u64 at = 0;
#pragma unroll
  for (__u32 i = 1; i < PW_V4_SLOTS; i++) {
    __u64 differs = PW_V4_ADDR(bucket, i) ^ addr;
    PW_ANEW(differs); /* or the compiler would see that it is below 2^32, and branch */
    at += ((differs - 1) >> 63) * i;
    PW_ANEW(at);
  }
  return at & 7;
}

PW_INLINE struct pw_found pw_v4_in_bucket(void *table, __u32 index, __u32 addr) {
  struct pw_found found = {};
  const __u32 line = PW_BLOCK_FIRST_BUCKET + index;
  const struct pw_v4_bucket *bucket = bpf_map_lookup_elem(table, &line);
  if (!bucket) return found;
  const __u64 at = pw_v4_slot_of(bucket, addr);
  /* One load: address and state belong together. An empty slot is all zeros. */
  const __u64 word = ((const volatile __u64 *)bucket)[at];
  const __u64 meta = *(const volatile __u64 *)&bucket->meta; /* last: written before a tag's word */
  __u64 differs = (word >> 32) ^ addr;
  PW_ANEW(differs);
  __u64 state = word & ((__s64)(differs - 1) >> 63);
  PW_ANEW(state);
  found.state = (__u32)state;
  found.marks = PW_SLOT_MARKS(meta, at);
  found.further = (meta & PW_V4_OVERFLOWED) != 0;
  found.log2 = PW_META_LOG2(meta, PW_V4_LOG2_AT);
  return found;
}

PW_INLINE struct pw_found pw_v6_in_bucket(void *table, __u32 index, __u64 hi, __u64 lo) {
  struct pw_found found = {};
  const __u32 line = PW_BLOCK_FIRST_BUCKET + index;
  const volatile struct pw_v6_bucket *bucket = bpf_map_lookup_elem(table, &line);
  if (!bucket) return found;
  __u64 states = 0, at = 0;
#pragma unroll
  for (__u32 i = 0; i < PW_V6_SLOTS; i++) {
    /* State first: an address under a state that was seen here is whole. */
    const __u64 state = bucket->state[i];
    const __u64 differs = (bucket->addr[i][0] ^ hi) | (bucket->addr[i][1] ^ lo);
    /* All ones for this address with an action. */
    const __u64 mask = (__s64)(~(differs | -differs) & -(state & 3)) >> 63;
    states |= state & mask;
    at |= i & mask;
    PW_STEP_DONE(states, at);
  }
  const __u32 meta = bucket->meta; /* last: written before a tag's state */
  found.state = states;
  found.marks = PW_SLOT_MARKS(meta, at);
  found.further = (meta & PW_V6_OVERFLOWED) != 0;
  found.log2 = PW_META_LOG2(meta, PW_V6_LOG2_AT);
  return found;
}

/* In a table of mask + 1 buckets. `host`: host order. */
PW_INLINE struct pw_found pw_find_v4(void *table, __u64 seed, __u64 mask, __u32 host) {
  const __u64 hash = pw_block_mix(host, seed);
  struct pw_found found = pw_v4_in_bucket(table, pw_bucket_first(hash, mask), host);
  if (!found.state && found.further)
    found = pw_v4_in_bucket(table, pw_bucket_second(hash, mask), host);
  return found;
}

/* `half`: network order. */
PW_INLINE struct pw_found pw_find_v6(void *table, __u64 seed, __u64 mask, const __u64 *half) {
  const __u64 hash = pw_block_mix(half[1] ^ pw_block_mix(half[0], seed), seed);
  struct pw_found found = pw_v6_in_bucket(table, pw_bucket_first(hash, mask), half[0], half[1]);
  if (!found.state && found.further)
    found = pw_v6_in_bucket(table, pw_bucket_second(hash, mask), half[0], half[1]);
  return found;
}

/* Size and seed of the table by the gate, which spares a look-up and a cache line. False: the
 * table was just replaced by one of another size, so what was found says nothing. */
PW_INLINE bool pw_find_v4_by_gate(const struct pw_gate *gate, __u32 host, struct pw_found *found) {
  const __u32 zero = 0, log2 = gate->table4.log2 & 31;
  void *table = bpf_map_lookup_elem(&pw_block_ip4, &zero);
  if (!table) return false;
  *found = pw_find_v4(table, gate->table4.seed, (1u << log2) - 1, host);
  return found->log2 == log2;
}
PW_INLINE bool pw_find_v6_by_gate(const struct pw_gate *gate, const __u64 *half,
                                  struct pw_found *found) {
  const __u32 zero = 0, log2 = gate->table6.log2 & 31;
  void *table = bpf_map_lookup_elem(&pw_block_ip6, &zero);
  if (!table) return false;
  *found = pw_find_v6(table, gate->table6.seed, (1u << log2) - 1, half);
  return found->log2 == log2;
}

PW_INLINE void pw_consider_v4(struct pw_block_entry *best, const struct pw_addr *addr) {
  const __u32 zero = 0;
  void *table = bpf_map_lookup_elem(&pw_block_ip4, &zero);
  if (!table) return;
  const struct pw_block_header *header = bpf_map_lookup_elem(table, &zero);
  if (!header) return;
  const struct pw_found found =
      pw_find_v4(table, header->seed, header->mask, bpf_ntohl(pw_mapped_v4(addr)));
  if (found.state)
    pw_consider_found(best, &found, 32);
  else if (found.further)
    pw_consider_spilled(best, addr, PW_FAMILY_IPV4);
}

PW_INLINE void pw_consider_v6(struct pw_block_entry *best, const struct pw_addr *addr) {
  const __u32 zero = 0;
  __u64 half[2];
  pw_copy_addr(half, addr);
  void *table = bpf_map_lookup_elem(&pw_block_ip6, &zero);
  if (!table) return;
  const struct pw_block_header *header = bpf_map_lookup_elem(table, &zero);
  if (!header) return;
  const struct pw_found found = pw_find_v6(table, header->seed, header->mask, half);
  if (found.state)
    pw_consider_found(best, &found, 128);
  else if (found.further)
    pw_consider_spilled(best, addr, PW_FAMILY_IPV6);
}

/* ---- prefixes ------------------------------------------------------------------------------ */

struct pw_prefix_walk {
  struct pw_block_entry best;
  __u32 family;
  __u64 half[2];    /* the address, network order */
  __u64 lengths[2]; /* bit n: length n has still to be looked at */
};

/* Position of the highest bit set in `x`, which is not 0. On its own for the verifier: 64 paths. */
PW_GLOBAL int pw_highest_bit(__u64 x) {
  __u32 at = 0;
#pragma unroll
  for (__u32 step = 32; step; step /= 2) {
    if (x >> step) {
      x >>= step;
      at += step;
    }
  }
  return at & 63;
}

/* Mask of the first `bits` of 64, in network order. */
PW_INLINE __u64 pw_half_mask(__u32 bits) {
  return bits ? bpf_cpu_to_be64(~0ull << ((64 - bits) & 63)) : 0;
}

/* May this prefix be in the hash? Most of the lengths in use need no look-up by this. */
PW_INLINE bool pw_prefix_deep(__u32 family, const __u64 *half, __u32 length) {
  const __u64 bit = PW_DEEP_BIT(half[0], half[1], length);
  if (family == PW_FAMILY_IPV4) {
    const struct pw_front4 *front = pw_front4();
    return front && PW_BIT_OF(front->deep, bit);
  }
  const struct pw_front6 *front = pw_front6();
  return front && PW_BIT_OF(front->deep, bit);
}

/* The longest length left. Returns 1 to stop. */
static long pw_prefix_step(__u32 index, void *state) {
  struct pw_prefix_walk *walk = state;
  struct pw_prefix_key key = {.family = walk->family};
  __u64 half[2] = {walk->half[0], walk->half[1]};
  if (walk->lengths[1]) {
    const __u32 bit = pw_highest_bit(walk->lengths[1]) & 63;
    walk->lengths[1] &= ~(1ull << bit);
    key.length = 64 + bit;
    half[1] &= pw_half_mask(bit);
  } else if (walk->lengths[0]) {
    const __u32 bit = pw_highest_bit(walk->lengths[0]) & 63;
    walk->lengths[0] &= ~(1ull << bit);
    key.length = bit;
    if (walk->family == PW_FAMILY_IPV4) {
      half[1] &= pw_half_mask(32 + bit); /* behind ::ffff:0:0/96 */
    } else {
      half[0] &= pw_half_mask(bit);
      half[1] = 0;
    }
  } else {
    return 1;
  }
  if (!pw_prefix_deep(walk->family, half, key.length)) return 0;
  __builtin_memcpy(&key.addr, half, sizeof(half));
  const struct pw_block_entry *entry = bpf_map_lookup_elem(&pw_block_prefix, &key);
  if (entry) pw_block_consider(&walk->best, entry);
  return walk->best.action == PW_ACTION_DROP;
}

/* ---- the step ------------------------------------------------------------------------------ */

/* `hint`: enum pw_block_hint, as in the next. */
PW_GLOBAL int pw_block_match_v4(const struct pw_addr *addr, __u32 hint,
                                struct pw_block_entry *out) {
  const struct pw_front4 *front = pw_front4();
  struct pw_prefix_walk walk = {};
  if (!front || !addr || !out) return PW_ACTION_NONE;
  if (hint & PW_HINT_SINGLE) pw_consider_v4(&walk.best, addr);
  if ((hint & PW_HINT_NET) && walk.best.action != PW_ACTION_DROP) {
    pw_copy_addr(walk.half, addr);
    walk.family = PW_FAMILY_IPV4;
    walk.lengths[0] = front->head.lengths[0];
    bpf_loop(33, pw_prefix_step, &walk, 0);
  }
  *out = walk.best;
  return walk.best.action;
}

PW_GLOBAL int pw_block_match_v6(const struct pw_addr *addr, __u32 hint,
                                struct pw_block_entry *out) {
  const struct pw_front6 *front = pw_front6();
  struct pw_prefix_walk walk = {};
  if (!front || !addr || !out) return PW_ACTION_NONE;
  if (hint & PW_HINT_SINGLE) pw_consider_v6(&walk.best, addr);
  if ((hint & (PW_HINT_NET | PW_HINT_TOP)) && walk.best.action != PW_ACTION_DROP) {
    const __u64 *lengths = front->head.lengths;
    pw_copy_addr(walk.half, addr);
    walk.family = PW_FAMILY_IPV6;
    if (hint & PW_HINT_NET) walk.lengths[1] = lengths[1]; /* 64..127 */
    if (hint & PW_HINT_NET) walk.lengths[0] |= lengths[0] & (~0ull << 32);
    if (hint & PW_HINT_TOP) walk.lengths[0] |= (__u32)lengths[0];
    bpf_loop(129, pw_prefix_step, &walk, 0);
  }
  *out = walk.best;
  return walk.best.action;
}

/* The compiler is kept from knowing which variable it is, and so from addressing each member by a
 * constant of its own. */
PW_INLINE const struct pw_gate *pw_get_gate(void) {
  const __u64 *gate = pw_block_gate;
  asm volatile("" : "+r"(gate));
  return (const struct pw_gate *)gate;
}
/* May a single address be in the table? `half`: network order. */
PW_INLINE bool pw_v4_seen(const struct pw_gate *gate, __u32 host) {
  return PW_BIT_OF(gate->seen4, pw_shr(PW_SEEN4_HASH((__u64)host), gate->table4.shift));
}
PW_INLINE bool pw_v6_seen(const struct pw_front6 *front, const __u64 *half) {
  return PW_BIT_OF(front->seen, pw_shr(PW_SEEN6_HASH(half[0], half[1]), front->head.shift));
}

/* May a prefix cover the source? The hints that say so. `hi`: its first half, network order. */
PW_INLINE __u32 pw_v4_net(const struct pw_gate *gate, __u32 host) {
  return PW_BIT_OF(gate->net4, host >> 8) * PW_HINT_NET;
}
PW_INLINE __u32 pw_v6_net(const struct pw_front6 *front, __u64 hi) {
  const __u64 shorter = front->head.lengths[0];
  if (!(shorter | front->head.lengths[1])) return 0;
  const __u64 net = PW_NET6_BIT(hi & bpf_cpu_to_be64(0xffffffff00000000ull));
  const __u32 hint = PW_BIT_OF(front->net, net) * PW_HINT_NET;
  if (!(__u32)shorter) return hint;
  return hint | PW_BIT_OF(front->top, bpf_be64_to_cpu(hi) >> 48) * PW_HINT_TOP;
}

/* May anything be in force for the source? */
PW_INLINE bool pw_v6_gated(const struct pw_gate *gate, __u64 hi) {
  return PW_BIT_OF(gate->v6, PW_GATE6_BIT(hi)) || gate->short6;
}

/* 0: nothing is in force for `addr`, the usual answer. Else what to tell pw_block_match. */
PW_INLINE __u32 pw_block_hint(const struct pw_addr *addr, __u32 family) {
  __u64 half[2];
  if (family == PW_FAMILY_IPV4) {
    const struct pw_gate *gate = pw_get_gate();
    const __u32 host = bpf_ntohl(pw_mapped_v4(addr));
    return pw_v4_seen(gate, host) * PW_HINT_SINGLE | pw_v4_net(gate, host);
  }
  const struct pw_front6 *front = pw_front6();
  pw_copy_addr(half, addr);
  if (!front || !pw_v6_gated(pw_get_gate(), half[0])) return 0;
  return pw_v6_seen(front, half) * PW_HINT_SINGLE | pw_v6_net(front, half[0]);
}

/* The action in force for `addr`, and its entry. */
PW_INLINE int pw_block_match(const struct pw_addr *addr, __u32 family, __u32 hint,
                             struct pw_block_entry *out) {
  __builtin_memset(out, 0, sizeof(*out)); /* Linux 6.1: a global function's memory is initialised */
  return family == PW_FAMILY_IPV4 ? pw_block_match_v4(addr, hint, out)
                                  : pw_block_match_v6(addr, hint, out);
}

#endif
