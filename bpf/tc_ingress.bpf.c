/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tc ingress: tag -> skb->mark. Always TC_ACT_UNSPEC, so that other filters go on. */
#define PW_HOOK_TC_INGRESS 1
#include <linux/pkt_cls.h>

#include "judge.bpf.h"
#include "tag.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* The same tables, without metadata. RATE_LIMITED of a source over its budget is known to XDP
 * alone, as only proven packets spend it. */
PW_INLINE __u32 pw_look_up_tag(struct __sk_buff *skb, struct pw_run *run) {
  pw_parse(skb, &run->pkt);
  if (run->pkt.layer == PW_LAYER_NONE) return 0;
  pw_recognise(run);
  if (!pw_is_plain(run)) PW_DO(pw_judge(run));
  return run->tag_bits;
}

SEC("tc")
int pw_tc_in(struct __sk_buff *skb) {
  struct pw_run run = {};
  __u32 tag_bits = 0;
  run.cfg = pw_get_settings();
  run.row = pw_counter_row();
  if (!run.cfg || !run.row || run.cfg->tag_mask == 0) return TC_ACT_UNSPEC;
  if (pw_read_meta(skb, &tag_bits)) {
    pw_count_event(run.row, PW_EVENT_TC_MARK_FROM_META, 1);
  } else {
    tag_bits = pw_look_up_tag(skb, &run);
    pw_count_event(run.row, PW_EVENT_TC_MARK_FROM_LOOKUP, 1);
  }
  pw_set_mark(skb, run.cfg, tag_bits);
  return TC_ACT_UNSPEC;
}
