/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sends what it is run on (BPF_F_TEST_XDP_LIVE_FRAMES) out of one interface, with another source
 * each time: one after the other of the kinds given, each with its own list of sources. On request
 * as fast as the other end takes them: a frame refused goes back to the pool of pages that the
 * receiver gives its frames back to, and the receiver would spend its time waiting for that lock.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stdbool.h>
/* after linux/bpf.h */
#include <bpf/bpf_helpers.h>

#include "bench_abi.h"

char _license[] SEC("license") = "Dual BSD/GPL";

__be32 bench_sources[BENCH_SOURCES];
struct bench_kind bench_kinds[BENCH_KINDS];
__u32 bench_kind_count = 1;
__u32 bench_interface;
__u64 bench_at;

#define BENCH_BATCH 64
#define BENCH_LONGEST_GAP_NS 500000
__u64 bench_gap_ns; /* from one batch to the next; 0: none, at full speed */
static __u64 bench_due, bench_task;
static bool bench_was_full; /* in this batch */

static long bench_is_due(__u32 index, void *due) { return bpf_ktime_get_ns() >= *(__u64 *)due; }

/* Waits for the batch's turn; each is a little earlier than the one before. */
static __always_inline void bench_wait(void) {
  const __u64 now = bpf_ktime_get_ns();
  __u64 due = bench_due + bench_gap_ns;
  bench_task = bpf_get_current_task();
  if (due > now && due - now <= BENCH_LONGEST_GAP_NS)
    bpf_loop(1 << 16, bench_is_due, &due, 0);
  else
    due = now;
  bench_due = due;
  bench_gap_ns -= bench_gap_ns / 128;
  bench_was_full = false;
}

/* The receiver's ring was full: further apart. args[3]: frames refused. */
SEC("raw_tp/xdp_devmap_xmit")
int bench_refused(struct bpf_raw_tracepoint_args *ctx) {
  if (bench_task != bpf_get_current_task() || (__s32)ctx->args[3] <= 0 || bench_was_full) return 0;
  bench_was_full = true;
  bench_gap_ns += bench_gap_ns / 16 + 64;
  if (bench_gap_ns > BENCH_LONGEST_GAP_NS) bench_gap_ns = BENCH_LONGEST_GAP_NS;
  return 0;
}

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
  if (bench_gap_ns && at % BENCH_BATCH == 0) bench_wait();
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
