/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The shipped parser and nothing else: no table, no counter. What the filter costs on top of it is
 * what the filter costs. */
#define PW_HOOK_XDP 1
#include "bench/sources.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int pw_parse_only(struct xdp_md *ctx) {
  struct pw_packet pkt = {};
  pw_parse(ctx, &pkt);
  PW_AFTER_PARSE(&pkt);
  /* The source has to be used, or the compiler leaves it out. */
  return pkt.src.bytes[15] == 0xff && pkt.layer == PW_LAYER_NONE ? XDP_ABORTED : XDP_PASS;
}
