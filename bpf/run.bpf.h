/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one run of a program knows so far; handed from step to step. */
#ifndef PROBEWALL_RUN_BPF_H
#define PROBEWALL_RUN_BPF_H

#include "count.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"

struct pw_run {
  struct pw_packet pkt;
  const struct pw_settings *cfg;
  struct pw_counters *row;
  struct pw_port port; /* of the server's port: destination at ingress, source at egress */
  __u8 verdict;        /* enum pw_verdict */
  __u8 tag_bits;       /* enum pw_tag_bit */
  __u8 allowlisted;    /* the allow table saved this packet */
  __u8 limited;        /* the source's entry says RATE_LIMIT */
  __u8 feed_tagged;    /* the source's entry says TAG and comes from a feed */
  __u8 hint;           /* pw_block_hint of the source */
  __u8 pad[2];
};

PW_INLINE bool pw_is_llm(const struct pw_run *run) {
  return run->port.flags & (PW_PORT_LLM | PW_PORT_DECOY);
}

#endif
