/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The plain way to do what block.bpf.h does: hash and LPM maps. Not shipped; it says what the right
 * answer is in the differential test, and what the layout gains in the benchmark. Its user-space
 * twin is tests/support/reference_block_table.cpp.
 *
 * Single addresses (IPv4 /32, IPv6 /128) live in the hash, everything shorter in the LPM trie.
 * The entry in force is the strongest live one over both tables and all prefix lengths:
 * DROP > RATE_LIMIT > TAG; among equals the longest prefix. Expired entries do not exist. */
#ifndef PROBEWALL_BLOCK_REFERENCE_BPF_H
#define PROBEWALL_BLOCK_REFERENCE_BPF_H

#include "block_entry.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 20);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __be32);
  __type(value, struct pw_block_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_block_v4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 20);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct pw_addr);
  __type(value, struct pw_block_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_block_v6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1 << 17);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct pw_lpm_v4_key);
  __type(value, struct pw_block_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_block_lpm4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1 << 17);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct pw_lpm_v6_key);
  __type(value, struct pw_block_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_block_lpm6 SEC(".maps");

struct pw_block_walk {
  struct pw_block_entry best; /* action PW_ACTION_NONE: none yet */
  __u32 family;
  union { /* read through `v4.prefix_len` in both cases: it comes first in either key */
    struct pw_lpm_v4_key v4;
    struct pw_lpm_v6_key v6;
  };
};

/* One step of the walk over nested prefixes, longest first. Returns 1 to stop. */
static long pw_block_step(__u32 index, void *state) {
  struct pw_block_walk *walk = state;
  const struct pw_block_entry *entry =
      walk->family == PW_FAMILY_IPV4
          ? (const struct pw_block_entry *)bpf_map_lookup_elem(&pw_block_lpm4, &walk->v4)
          : (const struct pw_block_entry *)bpf_map_lookup_elem(&pw_block_lpm6, &walk->v6);
  if (!entry) return 1;
  pw_block_consider(&walk->best, entry);
  if (walk->best.action == PW_ACTION_DROP || entry->prefix_len == 0) return 1;
  /* A trie gives only the longest match, so ask again for anything shorter than that. An entry
   * whose own length is not below what we asked for would loop: stop. */
  if (entry->prefix_len > walk->v4.prefix_len) return 1;
  walk->v4.prefix_len = entry->prefix_len - 1;
  return 0;
}

/* Plain tables know nothing in advance. */
PW_INLINE __u32 pw_block_hint(const struct pw_addr *addr, __u32 family) { return 1; }

PW_GLOBAL int pw_reference_match(const struct pw_addr *addr, __u32 family,
                                 struct pw_block_entry *out) {
  if (!addr || !out) return 0;
  struct pw_block_walk walk = {};
  const struct pw_block_entry *entry;
  walk.family = family;
  if (family == PW_FAMILY_IPV4) {
    walk.v4.addr = pw_mapped_v4(addr);
    walk.v4.prefix_len = 32;
    entry = bpf_map_lookup_elem(&pw_block_v4, &walk.v4.addr);
  } else {
    pw_copy_addr(walk.v6.addr, addr);
    walk.v6.prefix_len = 128;
    /* From the copy: before 6.2 a key may not lie in a global function's argument. */
    entry = bpf_map_lookup_elem(&pw_block_v6, walk.v6.addr);
  }
  if (entry) pw_block_consider(&walk.best, entry);
  /* A trie of n bits has at most n + 1 nested prefixes. */
  if (walk.best.action != PW_ACTION_DROP && !pw_block_step(0, &walk))
    bpf_loop(128, pw_block_step, &walk, 0);
  *out = walk.best;
  return walk.best.action;
}

/* The action in force for `addr`, and its entry. */
PW_INLINE int pw_block_match(const struct pw_addr *addr, __u32 family, __u32 hint,
                             struct pw_block_entry *out) {
  return pw_reference_match(addr, family, out);
}

#endif
