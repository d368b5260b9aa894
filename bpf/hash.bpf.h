/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keyed hash of slots and rings. SipHash-1-3: a cheap multiply-and-fold hash has differences that
 * cancel whatever the key is, so an attacker who chooses his IPv6 address could aim at a slot. */
#ifndef PROBEWALL_HASH_BPF_H
#define PROBEWALL_HASH_BPF_H

#include "context.bpf.h"
#include "probewall/abi/maps.h"

struct pw_sip {
  __u64 v0, v1, v2, v3;
};

PW_INLINE __u64 pw_rotl(__u64 x, int n) { return (x << n) | (x >> (64 - n)); }

PW_INLINE void pw_sip_round(struct pw_sip *s) {
  s->v0 += s->v1;
  s->v1 = pw_rotl(s->v1, 13) ^ s->v0;
  s->v0 = pw_rotl(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = pw_rotl(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = pw_rotl(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = pw_rotl(s->v1, 17) ^ s->v2;
  s->v2 = pw_rotl(s->v2, 32);
}

/* `words`: an 8-byte aligned buffer, `count` a constant. */
PW_INLINE __u64 pw_hash(const __u64 *words, const int count, const __u64 *seed) {
  struct pw_sip s = {seed[0] ^ 0x736f6d6570736575ull, seed[1] ^ 0x646f72616e646f6dull,
                     seed[0] ^ 0x6c7967656e657261ull, seed[1] ^ 0x7465646279746573ull};
#pragma unroll
  for (int i = 0; i < count; i++) {
    s.v3 ^= words[i];
    pw_sip_round(&s);
    s.v0 ^= words[i];
  }
  const __u64 last = (__u64)(count * 8) << 56;
  s.v3 ^= last;
  pw_sip_round(&s);
  s.v0 ^= last;
  s.v2 ^= 0xff;
  pw_sip_round(&s);
  pw_sip_round(&s);
  pw_sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* A flow key in an aligned buffer, so that it can be hashed by words. */
union pw_flow_words {
  struct pw_flow_key key;
  __u64 words[sizeof(struct pw_flow_key) / 8];
};

PW_LOCAL __u64 pw_flow_hash(const union pw_flow_words *flow, const __u64 *seed) {
  return pw_hash(flow->words, sizeof(struct pw_flow_key) / 8, seed);
}

#endif
