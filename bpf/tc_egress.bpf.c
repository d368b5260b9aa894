/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tc egress: SYN-ACKs and advancing ACKs (proof), first bytes of answers, closes. Always
 * TC_ACT_UNSPEC, so that other filters go on. */
#include <linux/pkt_cls.h>

#include "answer.bpf.h"
#include "bulk.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int pw_tc_out(struct __sk_buff *skb) {
  if (pw_is_bulk(skb)) return TC_ACT_UNSPEC;
  struct pw_run run = {};
  run.cfg = pw_get_settings();
  run.row = pw_counter_row();
  if (!run.cfg || !run.row) return TC_ACT_UNSPEC;
  pw_parse(skb, &run.pkt);
  if (run.pkt.layer != PW_LAYER_TCP) return TC_ACT_UNSPEC;
  run.port = pw_port_of(run.pkt.src_port);
  if (!pw_is_llm(&run)) return TC_ACT_UNSPEC;

  union pw_flow_words id;
  pw_server_key(&run.pkt, &id);
  const __u8 flags = run.pkt.tcp_flags & (PW_TCP_SYN | PW_TCP_ACK | PW_TCP_RST);
  if (flags & PW_TCP_SYN) {
    if (flags == (PW_TCP_SYN | PW_TCP_ACK)) PW_DO(pw_take_synack(&run, &id));
    return TC_ACT_UNSPEC;
  }
  struct pw_flow *flow = bpf_map_lookup_elem(&pw_flows, &id.key);
  if (flow)
    PW_DO(pw_take_answer(skb, &run, &id, flow));
  else if (run.pkt.payload_len && !(flags & PW_TCP_RST))
    PW_DO(pw_take_first_words(&run, &id));
  return TC_ACT_UNSPEC;
}
