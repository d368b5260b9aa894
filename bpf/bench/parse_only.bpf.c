/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The shipped parser and nothing else: no table, no counter. What the filter costs on top of it is
 * what the filter costs. As there, a frame that is not ordinary at a glance is parsed whole. */
#define PW_HOOK_XDP 1
#include "glance.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* Has to be worked out, or the compiler leaves it out. */
#define PW_USED(x) asm volatile("" : : "r"((__u64)(x)))

SEC("xdp.frags")
int pw_parse_only(struct xdp_md *ctx) {
  struct pw_glance g;
  const __be16 type = pw_glance_type(ctx);
  if (type == bpf_htons(ETH_P_IP) && pw_glance_v4(ctx, &g)) {
    PW_USED(g.host);
    PW_USED(g.frame_len);
    PW_USED(g.port);
    return XDP_PASS;
  }
  if (type == bpf_htons(ETH_P_IPV6) && pw_glance_v6(ctx, &g)) {
    PW_USED(g.half[0]);
    PW_USED(g.half[1]);
    PW_USED(g.frame_len);
    PW_USED(g.port);
    return XDP_PASS;
  }
  struct pw_packet pkt = {};
  pw_parse(ctx, &pkt);
  return pkt.src.bytes[15] == 0xff && pkt.layer == PW_LAYER_NONE ? XDP_ABORTED : XDP_PASS;
}
