/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For benchmarks: a test run repeats one packet, so each run takes its source from a list instead,
 * in the list's order. The list is walked in order to cost next to nothing (the processor fetches
 * ahead); what it holds may be as random as one likes. */
#ifndef PROBEWALL_BENCH_SOURCES_BPF_H
#define PROBEWALL_BENCH_SOURCES_BPF_H

#include "parse.bpf.h"

/* The loader sets its size, a power of two, and fills it; IPv4 addresses are stored mapped. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 16);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct pw_addr);
} pw_bench_sources SEC(".maps");

const volatile __u32 pw_bench_mask = 0;     /* entries - 1; 0: the packet keeps its own source */
__u32 pw_bench_next SEC(".data.bench") = 0; /* .bss is the gate's */

PW_INLINE void pw_bench_source(struct xdp_md *ctx) {
  if (!pw_bench_mask) return;
  const __u32 index = pw_bench_next++ & pw_bench_mask;
  const struct pw_addr *source = bpf_map_lookup_elem(&pw_bench_sources, &index);
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct iphdr *v4 = (void *)(eth + 1);
  struct ipv6hdr *v6 = (void *)(eth + 1);
  if (!source || (void *)(v4 + 1) > PW_DATA_END(ctx)) return;
  if (eth->h_proto == bpf_htons(ETH_P_IP)) {
    v4->saddr = pw_mapped_v4(source);
  } else if ((void *)(v6 + 1) <= PW_DATA_END(ctx)) {
    pw_copy_addr(&v6->saddr, source);
  }
}

#define PW_BEFORE_PARSE(ctx) pw_bench_source(ctx)

#endif
