/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory layout of the block tables: written by the guard alone, mostly through mmap, read by XDP
 * and tc.
 *
 * A benign packet touches the gate only. IPv4: a bit for its hashed address, as many bits as the
 * table's size calls for, and one for its /24, in which a prefix may be. IPv6: a bit for its
 * hashed /32, in which anything may be blocked; behind it, in the prefilter, one for its hashed
 * address and, for the prefixes alone, one for its hashed /32 and one for its /16. A set bit leads
 * on to the bucket tables (single addresses) or to one hash look-up per prefix length in use
 * (everything else).
 *
 * A reader never takes one address's entry for another's, nor sees half of one: what decides
 * (action, expiry) is one aligned word, for IPv4 together with the address; a slot that was emptied
 * gets another address only after an RCU grace period. Inserts write the slot before the prefilter
 * bits and those before the gate's, removals after. */
#ifndef PROBEWALL_ABI_BLOCK_TABLE_H
#define PROBEWALL_ABI_BLOCK_TABLE_H

#include "probewall/abi/common.h"

/* ---- gate ---------------------------------------------------------------------------------- */

/* pw_block_gate: the one global variable of the programs that look at sources, so that it is
 * reached without a look-up; pinned and shared like the other maps, by the loader. All zeros says
 * that nothing is blocked and no port is ours: a writer fills it before programs are attached. The
 * hashes have no secret: who collides with a bit makes us look further, no more. */
#define PW_SEEN4_LOG2_MAX 23
#define PW_GATE6_LOG2 22
struct pw_gate_table { /* of single addresses, as in the prefilter's head */
  __u64 seed;
  __u32 log2;
  __u32 shift;
};
struct pw_gate {
  __u64 ports4; /* LLM and decoy ports lie in [first, first + count): PW_GATE_PORTS; */
  __u64 ports6; /* PW_GATE_ANY_PORT while nothing is known, or while `short6` is not 0 */
  __u64 short6; /* not 0: some IPv6 prefix is shorter than /32, which has no bits in `v6` */
  struct pw_gate_table table4, table6;
  __u64 pad;
  __u64 net4[1u << (24 - 6)];                 /* prefixes: by /24 */
  __u64 seen4[1u << (PW_SEEN4_LOG2_MAX - 6)]; /* single addresses: by PW_SEEN4_HASH >> shift */
  __u64 v6[1u << (PW_GATE6_LOG2 - 6)];        /* by PW_GATE6_BIT */
};
/* Linux 6.1 takes map values up to 4 MB. */
PW_ASSERT_SIZE(struct pw_gate, 64 + (2u << 20) + (1u << 20) + (512u << 10));
#define PW_GATE_PORTS(first, count) ((__u64)(first) | ((__u64)(count) << 32))
#define PW_GATE_ANY_PORT PW_GATE_PORTS(0, 0x10001) /* and what has none */
/* `hi`: the first half as it lies in memory; its first four bytes count. */
#define PW_GATE6_BIT(hi) (((__u64)(__u32)(hi)*PW_BLOCK_ODD) >> (64 - PW_GATE6_LOG2))

/* ---- prefilter --------------------------------------------------------------------------- */

enum pw_block_hint { PW_HINT_SINGLE = 1, PW_HINT_NET = 2, PW_HINT_TOP = 4 }; /* or-ed; 0: nothing */

/* pw_block_front4, pw_block_front6: mmapable ARRAY[1], what a packet needs that the gate did not
 * settle, behind one constant look-up. The hashes of single addresses and /32s have no secret: who
 * collides with a bit makes us look further, which is what a blocked source costs anyway. */
struct pw_front_head {
  __u64 lengths[2]; /* bit n: some prefix /n is in pw_block_prefix */
  __u64 seed;       /* of the family's bucket table; secret */
  __u32 log2;       /* number of its buckets; a bucket of a table of another size says so */
  __u32 shift;      /* 64 - log2 of the number of `seen` bits in use */
  __u64 pad[4];
};
PW_ASSERT_SIZE(struct pw_front_head, 64);

#define PW_SEEN6_LOG2_MAX 24
#define PW_NET6_LOG2 23
#define PW_DEEP_LOG2 22
struct pw_front4 {
  struct pw_front_head head;
  __u64 former_net[1u << (24 - 6)];     /* of earlier versions: the gate has both now */
  __u64 deep[1u << (PW_DEEP_LOG2 - 6)]; /* prefixes: by PW_DEEP_BIT, asked behind `net` */
  __u64 former_seen[1u << (PW_SEEN4_LOG2_MAX - 6)];
};
struct pw_front6 {
  struct pw_front_head head;
  __u64 top[1u << (16 - 6)];           /* prefixes shorter than /32: by /16 */
  __u64 net[1u << (PW_NET6_LOG2 - 6)]; /* the other prefixes: by PW_NET6_BIT */
  __u64 deep[1u << (PW_DEEP_LOG2 - 6)];
  __u64 seen[1u << (PW_SEEN6_LOG2_MAX - 6)];
};
/* Linux 6.1 takes map values up to 4 MB. */
PW_ASSERT_SIZE(struct pw_front4, 64 + (2u << 20) + (512u << 10) + (1u << 20));
PW_ASSERT_SIZE(struct pw_front6, 64 + (8u << 10) + (1u << 20) + (512u << 10) + (2u << 20));

#define PW_BLOCK_ODD                                                           \
  0x9e3779b97f4a7c15ull /* 2^64 over the golden ratio: spreads to the top bits \
                         */
/* `hi`, `lo`: the address's halves as they lie in memory. */
#define PW_SEEN4_HASH(host) ((host)*PW_BLOCK_ODD)
#define PW_SEEN6_HASH(hi, lo) ((((hi)*PW_BLOCK_ODD) ^ (lo)) * 0xbf58476d1ce4e5b9ull)
/* A prefix by its halves, host bits zero, and its length in its own family. */
#define PW_DEEP_BIT(hi, lo, length) \
  ((((((hi)*PW_BLOCK_ODD) ^ (lo)) + (length)) * 0xbf58476d1ce4e5b9ull) >> (64 - PW_DEEP_LOG2))
/* `hi` with its last four bytes cleared. */
#define PW_NET6_BIT(hi) (((hi)*PW_BLOCK_ODD) >> (64 - PW_NET6_LOG2))

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
#define PW_V4_LOG2_AT 48              /* six bits of meta: log2 of the number of buckets */

#define PW_V6_SLOTS 3u
struct pw_v6_bucket {
  __u64 addr[PW_V6_SLOTS][2]; /* network order bytes */
  __u32 state[PW_V6_SLOTS];
  __u32 meta; /* marks, and PW_V6_OVERFLOWED */
};
PW_ASSERT_SIZE(struct pw_v6_bucket, 64);
#define PW_V6_OVERFLOWED (1u << 31)
#define PW_V6_LOG2_AT 24
#define PW_META_LOG2(meta, at) (((meta) >> (at)) & 63)

/* Decision handles lie behind the buckets, for user space alone: bucket i's slot s at
 * handles[i * stride + s]. A line's last place is no slot's and stays 0: a packet that takes the
 * line for a bucket, as the table was just replaced, finds that it is none. */
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
