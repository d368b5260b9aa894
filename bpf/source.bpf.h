/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A source as budgets and rings know it: an IPv4 address, or an IPv6 prefix. */
#ifndef PROBEWALL_SOURCE_BPF_H
#define PROBEWALL_SOURCE_BPF_H

#include "context.bpf.h"
#include "probewall/abi/maps.h"

union pw_source_words {
  struct pw_source_key key;
  __u64 words[2]; /* network order */
};

/* Mask of the first `bits` of 64, in network order. */
PW_INLINE __u64 pw_prefix_mask(__u32 bits) {
  if (bits == 0) return 0;
  if (bits >= 64) return ~0ull;
  return bpf_cpu_to_be64(~0ull << (64 - bits));
}

/* IPv6 is masked to `ipv6_prefix` (0..128) bits. */
PW_INLINE void pw_source_id(const struct pw_addr *addr, __u8 family, __u32 ipv6_prefix,
                            union pw_source_words *id) {
  pw_copy_addr(id, addr);
  if (family == PW_FAMILY_IPV4) return;
  id->words[0] &= pw_prefix_mask(ipv6_prefix);
  id->words[1] &= ipv6_prefix <= 64 ? 0 : pw_prefix_mask(ipv6_prefix - 64);
}

#endif
