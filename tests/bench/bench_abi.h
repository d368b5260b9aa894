/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the benchmark's BPF programs and its user space share. */
#ifndef PROBEWALL_TESTS_BENCH_ABI_H
#define PROBEWALL_TESTS_BENCH_ABI_H

#include "probewall/abi/common.h"

#define BENCH_SOURCES (1u << 20) /* source addresses a list can hold; a power of two */
#define BENCH_KINDS 4            /* kinds of packet one generator can mix */
#define BENCH_HEAD 54            /* Ethernet, IPv4 and TCP without options */

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
