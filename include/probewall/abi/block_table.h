/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory layout of the block tables: written by the guard alone, mostly through mmap, read by XDP
 * and tc.
 *
 * A benign packet touches the prefilter only: for IPv4 two bits per /24 (4 MB), for IPv6 one bit
 * per hashed /64 and one per hashed /32. A set bit leads on to the bucket tables (single addresses)
 * or to one hash look-up per prefix length in use (everything else).
 *
 * A reader never takes one address's entry for another's, nor sees half of one: what decides
 * (action, expiry) is one aligned word, for IPv4 together with the address; a slot that was emptied
 * gets another address only after an RCU grace period. Inserts write the slot before the prefilter
 * bits, removals after. */
#ifndef PROBEWALL_ABI_BLOCK_TABLE_H
#define PROBEWALL_ABI_BLOCK_TABLE_H

#include "probewall/abi/common.h"

/* ---- prefilter --------------------------------------------------------------------------- */

enum pw_v4_hint { PW_V4_PREFIX = 1, PW_V4_SINGLE = 2 }; /* or-ed; 0: nothing in this /24 */
#define PW_V4_HINT_WORDS (1u << 19) /* pw_block_hints: mmapable ARRAY of u64; 32 /24s a word */
#define PW_V4_HINT_WORD(addr) ((addr) >> 13) /* addr: host order */
#define PW_V4_HINT_SHIFT(addr) ((((addr) >> 8) & 31) * 2)

/* IPv6: mmapable ARRAYs of u64. pw_block_near and pw_block_far, one bit per hash value: of the
 * first 64 bits of single addresses and of prefixes of /64 and longer; of the first 32 bits of
 * prefixes /32 to /63. pw_block_short, one bit per /16: prefixes shorter than /32. `hi`: the
 * address's first 8 bytes as they lie in memory, for far with the last four cleared. The hashes
 * have no secret: who collides with a bit makes us look further, which is what a blocked source
 * costs anyway. */
enum pw_v6_hint { PW_V6_NEAR = 1, PW_V6_FAR = 2, PW_V6_SHORT = 4 }; /* or-ed */
#define PW_V6_NEAR_BITS (1u << 26)
#define PW_V6_FAR_BITS (1u << 24)
#define PW_V6_SHORT_BITS (1u << 16)
#define PW_BLOCK_ODD                                                           \
  0x9e3779b97f4a7c15ull /* 2^64 over the golden ratio: spreads to the top bits \
                         */
#define PW_V6_NEAR_BIT(hi) (((hi)*PW_BLOCK_ODD) >> 38) /* 64 - 26 */
#define PW_V6_FAR_BIT(hi) (((hi)*PW_BLOCK_ODD) >> 40)  /* 64 - 24 */

struct pw_block_shape { /* pw_block_shape: mmapable ARRAY[1] */
  __u64 v4_lengths;     /* bit n: some IPv4 /n is in pw_block_prefix; n = 0..31 */
  __u64 v6_lengths[2];  /* likewise, n = 0..127 */
  __u64 hash_seed;      /* secret, drawn when the tables are made */
  __u64 pad[4];
};
PW_ASSERT_SIZE(struct pw_block_shape, 64);

/* ---- single addresses ---------------------------------------------------------------------- */

/* pw_block_ip4, pw_block_ip6: ARRAY_OF_MAPS[1]; the element is the table in use, a mmapable ARRAY
 * of 64-byte lines: a header, the buckets (a power of two), the handles. To grow, the guard fills a
 * larger one and puts it into the element: a reader works on one of the two, never on parts of
 * both. */
union pw_block_line {
  __u64 words[8];
};
PW_ASSERT_SIZE(union pw_block_line, 64);
struct pw_block_header {
  __u64 mask; /* number of buckets - 1 */
  __u64 seed;
  __u64 pad[6];
};
PW_ASSERT_SIZE(struct pw_block_header, 64);
#define PW_BLOCK_FIRST_BUCKET 1u /* line of bucket 0 */

/* Expiry in CLOCK_BOOTTIME seconds, 30 bits (34 years), over the action's two. Action 0: empty. */
#define PW_SLOT_NEVER 0x3fffffffu
#define PW_SLOT_STATE(expires, action) (((__u32)(expires) << 2) | (__u32)(action))
#define PW_SLOT_EXPIRES(state) ((__u32)(state) >> 2)
#define PW_SLOT_ACTION(state) ((__u32)(state)&3)

#define PW_V4_SLOTS 7u
struct pw_v4_bucket {
  __u64 word[PW_V4_SLOTS]; /* address (host order) << 32 | state */
  __u64 meta;              /* marks, and PW_V4_OVERFLOWED */
};
PW_ASSERT_SIZE(struct pw_v4_bucket, 64);
#define PW_V4_WORD(addr, state) (((__u64)(addr) << 32) | (state))
#define PW_V4_OVERFLOWED (1ull << 63) /* something that belongs here is further on */

#define PW_V6_SLOTS 3u
struct pw_v6_bucket {
  __u64 addr[PW_V6_SLOTS][2]; /* network order bytes */
  __u32 state[PW_V6_SLOTS];
  __u32 meta; /* marks, and PW_V6_OVERFLOWED */
};
PW_ASSERT_SIZE(struct pw_v6_bucket, 64);
#define PW_V6_OVERFLOWED (1u << 31)

/* Decision handles lie behind the buckets, for user space alone: bucket i's slot s at
 * handles[i * stride + s]. */
#define PW_V4_HANDLE_STRIDE 8u
#define PW_V6_HANDLE_STRIDE 4u

/* Marks, six bits a slot: origin, and the tag bits of an ACTION_TAG entry. They say under which
 * name a drop is counted and with which bits a packet is tagged. */
#define PW_SLOT_MARK_BITS 6
#define PW_SLOT_MARKS(meta, slot) (((meta) >> (PW_SLOT_MARK_BITS * (slot))) & 63)
#define PW_MARKS(origin, tag_bits) ((origin) | ((tag_bits) << 2))
#define PW_MARKS_ORIGIN(marks) ((marks)&3)
#define PW_MARKS_TAGS(marks) ((marks) >> 2)

/* ---- prefixes, and single addresses that found both their buckets full ------------------------
 */

struct pw_prefix_key { /* pw_block_prefix: HASH -> pw_block_entry; host bits zero */
  struct pw_addr addr;
  __u32 length; /* in its own family; 32 or 128: a single address that found no bucket */
  __u32 family; /* enum pw_family */
};
PW_ASSERT_SIZE(struct pw_prefix_key, 24);
#define PW_BLOCK_SPILL_MAX 65536u /* of these single addresses, over both families */

/* ---- hash: the same in both compilers -------------------------------------------------------- */

static inline __attribute__((always_inline)) __u64 pw_block_mix(__u64 x, __u64 seed) {
  x = (x ^ seed) * PW_BLOCK_ODD;
  x ^= x >> 32;
  x = (x + seed) * 0xbf58476d1ce4e5b9ull;
  return x ^ (x >> 29);
}
/* First choice: low half; second choice: high half. Equal choices are told apart by one. */
static inline __attribute__((always_inline)) __u32 pw_bucket_first(__u64 hash, __u64 mask) {
  return (__u32)(hash & mask);
}
static inline __attribute__((always_inline)) __u32 pw_bucket_second(__u64 hash, __u64 mask) {
  const __u32 second = (__u32)((hash >> 32) & mask);
  return second == pw_bucket_first(hash, mask) ? second ^ 1u : second;
}

#endif
