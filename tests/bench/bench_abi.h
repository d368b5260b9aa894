/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the benchmark's BPF programs and its user space share. */
#ifndef PROBEWALL_TESTS_BENCH_ABI_H
#define PROBEWALL_TESTS_BENCH_ABI_H

#include "probewall/abi/common.h"

#define BENCH_SOURCES (1u << 20) /* source addresses a list can hold; a power of two */
#define BENCH_KINDS 16           /* kinds of packet one generator can mix */
#define BENCH_HEAD 54            /* Ethernet, IPv4 and TCP without options */

#define BENCH_CPUS 64   /* processors that can walk flows at once */
#define BENCH_FLOWS 64u /* flows of each of them; a power of two */
#define BENCH_FIRST_SEQ 1000000u
/* Client of flow n of processor c: 100.64.c.n */
#define BENCH_CLIENT(cpu, flow) (0x64400000u | (cpu) << 8 | (flow))

/* Where one processor is in its flows; a cache line pair of its own. */
struct bench_flows {
  __u64 at;
  __u64 step; /* sequence numbers a flow moves on from one packet to the next */
  __u64 pad[14];
};

/* One kind of packet of the generator. Sums are ones' complement sums over the header with source
 * address, source port and sequence number taken as 0. */
struct bench_kind {
  __u8 head[56]; /* BENCH_HEAD bytes in use */
  __u32 ip_sum;
  __u32 tcp_sum;
  __u32 first; /* sources[first .. first + mask] */
  __u32 mask;
};

#endif
