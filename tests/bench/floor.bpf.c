/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What Probewall is measured against from below: a program that does nothing, and one that only
 * parses, with the parser of the shipped program. */
#define PW_HOOK_XDP 1
#include "parse.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int bench_empty_drop(struct xdp_md *ctx) { return XDP_DROP; }

SEC("xdp.frags")
int bench_empty_pass(struct xdp_md *ctx) { return XDP_PASS; }

/* The verdict depends on what was parsed, so that nothing can be left out. */
SEC("xdp.frags")
int bench_parse_only(struct xdp_md *ctx) {
  struct pw_packet pkt = {};
  pw_parse(ctx, &pkt);
  return pkt.layer == PW_LAYER_TCP ? XDP_PASS : XDP_DROP;
}
