/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gives each packet of a test run another source address, then hands it to the program under test,
 * which is the shipped one, unchanged: a tail call through a constant slot is a direct jump. The
 * lists are read in order, a few bytes a packet, so that their own cost is the same for every
 * program measured and hardly any. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
/* after linux/bpf.h */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench_abi.h"

char _license[] SEC("license") = "Dual BSD/GPL";

__be32 bench_v4[BENCH_SOURCES];
struct pw_addr bench_v6[BENCH_SOURCES];
__u64 bench_at;
struct bench_flows bench_flows[BENCH_CPUS];

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} bench_target SEC(".maps");

SEC("xdp.frags")
int bench_walk_v4(struct xdp_md *ctx) {
  struct iphdr *ip = (void *)(long)ctx->data + ETH_HLEN;
  if ((void *)(ip + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  ip->saddr = bench_v4[bench_at++ & (BENCH_SOURCES - 1)];
  bpf_tail_call_static(ctx, &bench_target, 0);
  return XDP_ABORTED;
}

SEC("xdp.frags")
int bench_walk_v6(struct xdp_md *ctx) {
  struct ipv6hdr *ip = (void *)(long)ctx->data + ETH_HLEN;
  if ((void *)(ip + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  const __u64 *from = (void *)&bench_v6[bench_at++ & (BENCH_SOURCES - 1)];
  /* The address lies at offset 22 of the frame: 8-byte stores are fine on BPF's hosts. */
  ((__u64 *)&ip->saddr)[0] = from[0];
  ((__u64 *)&ip->saddr)[1] = from[1];
  bpf_tail_call_static(ctx, &bench_target, 0);
  return XDP_ABORTED;
}

/* Each processor its own flows, one packet each in turns, with the sequence numbers they expect. */
SEC("xdp.frags")
int bench_walk_flows(struct xdp_md *ctx) {
  struct iphdr *ip = (void *)(long)ctx->data + ETH_HLEN;
  struct tcphdr *tcp = (void *)(ip + 1);
  if ((void *)(tcp + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  const __u32 cpu = bpf_get_smp_processor_id() & (BENCH_CPUS - 1);
  struct bench_flows *flows = &bench_flows[cpu];
  const __u64 at = flows->at++;
  ip->saddr = bpf_htonl(BENCH_CLIENT(cpu, (__u32)at & (BENCH_FLOWS - 1)));
  tcp->seq = bpf_htonl(BENCH_FIRST_SEQ + (__u32)(at / BENCH_FLOWS * flows->step));
  bpf_tail_call_static(ctx, &bench_target, 0);
  return XDP_ABORTED;
}
