/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the hook itself costs. */
#include <linux/bpf.h>
/* after linux/bpf.h */
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int pw_drop(struct xdp_md *ctx) { return XDP_DROP; }
