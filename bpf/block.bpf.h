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

PW_MMAP_ARRAY(pw_block_hints, PW_V4_HINT_WORDS, __u64);
PW_MMAP_ARRAY(pw_block_near, PW_V6_NEAR_BITS / 64, __u64);
PW_MMAP_ARRAY(pw_block_far, PW_V6_FAR_BITS / 64, __u64);
PW_MMAP_ARRAY(pw_block_short, PW_V6_SHORT_BITS / 64, __u64);
PW_MMAP_ARRAY(pw_block_shape, 1, struct pw_block_shape);

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

PW_INLINE const struct pw_block_shape *pw_shape(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&pw_block_shape, &zero);
}

/* ---- single addresses ---------------------------------------------------------------------- */

/* What a bucket says about an address. */
struct pw_found {
  __u32 state; /* action 0: not here */
  __u32 marks;
  bool further; /* not here, but perhaps where the search goes on */
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

/* Keeps the compiler from doing all slots' steps side by side, for which it has no registers. */
#define PW_STEP_DONE(a, b) asm volatile("" : "+r"(a), "+r"(b))

/* Without a branch on what was read: which slot it is cannot be guessed, and guessing wrong would
 * wait for the cache line. At most one slot is in use for an address. */
PW_INLINE struct pw_found pw_v4_in_bucket(void *table, __u32 index, __u32 addr) {
  struct pw_found found = {};
  const __u32 line = PW_BLOCK_FIRST_BUCKET + index;
  const struct pw_v4_bucket *bucket = bpf_map_lookup_elem(table, &line);
  if (!bucket) return found;
  __u64 state = 0, at = 0;
#pragma unroll
  for (__u32 i = 0; i < PW_V4_SLOTS; i++) {
    /* One load: address and state belong together. */
    const __u64 word = *(const volatile __u64 *)&bucket->word[i];
    /* All ones for this address (the difference is below 2^32) with an action. */
    const __u64 here = (((word >> 32) ^ addr) - 1) & -(word & 3);
    const __u64 mask = (__s64)here >> 63;
    state |= word & mask;
    at |= i & mask;
    PW_STEP_DONE(state, at);
  }
  const __u64 meta = *(const volatile __u64 *)&bucket->meta; /* last: written before a tag's word */
  found.state = (__u32)state;
  found.marks = PW_SLOT_MARKS(meta, at);
  found.further = !found.state && (meta & PW_V4_OVERFLOWED);
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
  found.further = !found.state && (meta & PW_V6_OVERFLOWED);
  return found;
}

/* `host`: host order. */
PW_INLINE struct pw_found pw_find_v4(__u32 host) {
  struct pw_found found = {};
  const __u32 zero = 0;
  void *table = bpf_map_lookup_elem(&pw_block_ip4, &zero);
  if (!table) return found;
  const struct pw_block_header *header = bpf_map_lookup_elem(table, &zero);
  if (!header) return found;
  const __u64 hash = pw_block_mix(host, header->seed), mask = header->mask;
  found = pw_v4_in_bucket(table, pw_bucket_first(hash, mask), host);
  if (found.further) found = pw_v4_in_bucket(table, pw_bucket_second(hash, mask), host);
  return found;
}

/* `half`: network order. */
PW_INLINE struct pw_found pw_find_v6(const __u64 *half) {
  struct pw_found found = {};
  const __u32 zero = 0;
  void *table = bpf_map_lookup_elem(&pw_block_ip6, &zero);
  if (!table) return found;
  const struct pw_block_header *header = bpf_map_lookup_elem(table, &zero);
  if (!header) return found;
  const __u64 seed = header->seed, mask = header->mask;
  const __u64 hash = pw_block_mix(half[1] ^ pw_block_mix(half[0], seed), seed);
  found = pw_v6_in_bucket(table, pw_bucket_first(hash, mask), half[0], half[1]);
  if (found.further) found = pw_v6_in_bucket(table, pw_bucket_second(hash, mask), half[0], half[1]);
  return found;
}

PW_INLINE void pw_consider_v4(struct pw_block_entry *best, const struct pw_addr *addr) {
  const struct pw_found found = pw_find_v4(bpf_ntohl(pw_mapped_v4(addr)));
  if (found.state)
    pw_consider_found(best, &found, 32);
  else if (found.further)
    pw_consider_spilled(best, addr, PW_FAMILY_IPV4);
}

PW_INLINE void pw_consider_v6(struct pw_block_entry *best, const struct pw_addr *addr) {
  __u64 half[2];
  pw_copy_addr(half, addr);
  const struct pw_found found = pw_find_v6(half);
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
  __builtin_memcpy(&key.addr, half, sizeof(half));
  const struct pw_block_entry *entry = bpf_map_lookup_elem(&pw_block_prefix, &key);
  if (entry) pw_block_consider(&walk->best, entry);
  return walk->best.action == PW_ACTION_DROP;
}

/* ---- the step ------------------------------------------------------------------------------ */

/* `hint`: enum pw_v4_hint. */
PW_GLOBAL int pw_block_match_v4(const struct pw_addr *addr, __u32 hint,
                                struct pw_block_entry *out) {
  const struct pw_block_shape *shape = pw_shape();
  struct pw_prefix_walk walk = {};
  if (!shape || !addr || !out) return PW_ACTION_NONE;
  if (hint & PW_V4_SINGLE) pw_consider_v4(&walk.best, addr);
  if ((hint & PW_V4_PREFIX) && walk.best.action != PW_ACTION_DROP) {
    pw_copy_addr(walk.half, addr);
    walk.family = PW_FAMILY_IPV4;
    walk.lengths[0] = shape->v4_lengths;
    bpf_loop(33, pw_prefix_step, &walk, 0);
  }
  *out = walk.best;
  return walk.best.action;
}

/* `hint`: enum pw_v6_hint. */
PW_GLOBAL int pw_block_match_v6(const struct pw_addr *addr, __u32 hint,
                                struct pw_block_entry *out) {
  const struct pw_block_shape *shape = pw_shape();
  struct pw_prefix_walk walk = {};
  if (!shape || !addr || !out) return PW_ACTION_NONE;
  if (hint & PW_V6_NEAR) pw_consider_v6(&walk.best, addr);
  if (walk.best.action != PW_ACTION_DROP) {
    pw_copy_addr(walk.half, addr);
    walk.family = PW_FAMILY_IPV6;
    if (hint & PW_V6_NEAR) walk.lengths[1] = shape->v6_lengths[1]; /* 64..127 */
    if (hint & PW_V6_FAR) walk.lengths[0] |= shape->v6_lengths[0] & (~0ull << 32);
    if (hint & PW_V6_SHORT) walk.lengths[0] |= (__u32)shape->v6_lengths[0];
    bpf_loop(129, pw_prefix_step, &walk, 0);
  }
  *out = walk.best;
  return walk.best.action;
}

PW_INLINE __u32 pw_v4_hint(__u32 host) {
  const __u32 index = PW_V4_HINT_WORD(host);
  const __u64 *word = bpf_map_lookup_elem(&pw_block_hints, &index);
  return word ? (*word >> PW_V4_HINT_SHIFT(host)) & 3 : 0;
}

/* The bit `bit` of one of the IPv6 bitmaps. */
#define PW_BIT_IN(map, bit)                                  \
  ({                                                         \
    const __u32 index_ = (bit) / 64;                         \
    const __u64 *word_ = bpf_map_lookup_elem(&map, &index_); \
    word_ ? (*word_ >> ((bit) % 64)) & 1 : 0;                \
  })

/* `hi`: the first 8 bytes, network order. */
PW_INLINE __u32 pw_v6_hint(__u64 hi) {
  const __u64 near = PW_V6_NEAR_BIT(hi);
  const __u64 far = PW_V6_FAR_BIT(hi & bpf_cpu_to_be64(0xffffffff00000000ull));
  const __u64 top = bpf_be64_to_cpu(hi) >> 48;
  return PW_BIT_IN(pw_block_near, near) * PW_V6_NEAR | PW_BIT_IN(pw_block_far, far) * PW_V6_FAR |
         PW_BIT_IN(pw_block_short, top) * PW_V6_SHORT;
}

/* 0: nothing is in force for `addr`, the usual answer. Else what to tell pw_block_match. */
PW_INLINE __u32 pw_block_hint(const struct pw_addr *addr, __u32 family) {
  __u64 half[2];
  if (family == PW_FAMILY_IPV4) return pw_v4_hint(bpf_ntohl(pw_mapped_v4(addr)));
  pw_copy_addr(half, addr);
  return pw_v6_hint(half[0]);
}

/* The action in force for `addr`, and its entry. */
PW_INLINE int pw_block_match(const struct pw_addr *addr, __u32 family, __u32 hint,
                             struct pw_block_entry *out) {
  __builtin_memset(out, 0, sizeof(*out)); /* Linux 6.1: a global function's memory is initialised */
  return family == PW_FAMILY_IPV4 ? pw_block_match_v4(addr, hint, out)
                                  : pw_block_match_v6(addr, hint, out);
}

#endif
