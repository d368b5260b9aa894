/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sends what it is run on (BPF_F_TEST_XDP_LIVE_FRAMES) out of one interface, with another source
 * each time: one after the other of the kinds given, each with its own list of sources. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
/* after linux/bpf.h */
#include <bpf/bpf_helpers.h>

#include "bench_abi.h"

char _license[] SEC("license") = "Dual BSD/GPL";

__be32 bench_sources[BENCH_SOURCES];
struct bench_kind bench_kinds[BENCH_KINDS];
__u32 bench_kind_count = 1;
__u32 bench_interface;
__u64 bench_at;

static __always_inline __u16 bench_fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

SEC("xdp")
int bench_send(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  struct iphdr *ip = (void *)(data + ETH_HLEN);
  struct tcphdr *tcp = (void *)(ip + 1);
  if ((void *)(tcp + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  const __u64 at = bench_at++;
  const __u64 count = bench_kind_count ? bench_kind_count : 1;
  const struct bench_kind *kind = &bench_kinds[(at % count) & (BENCH_KINDS - 1)];
  __builtin_memcpy(data, kind->head, BENCH_HEAD);
  const __be32 source =
      bench_sources[(kind->first + (at / count & kind->mask)) & (BENCH_SOURCES - 1)];
  /* Varies with the source's turn, so that a list walked twice makes other connections. */
  const __u32 number = at * 2654435761u;
  ip->saddr = source;
  const __u32 addresses = (source & 0xffff) + (source >> 16);
  ip->check = bench_fold(kind->ip_sum + addresses);
  tcp->source = (number >> 16) | 0x0004; /* in network order: port 1024 or above */
  tcp->seq = number;
  tcp->check =
      bench_fold(kind->tcp_sum + addresses + tcp->source + (number & 0xffff) + (number >> 16));
  return bpf_redirect(bench_interface, 0);
}
