/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* XDP: parse, verdict, capture, tag, count. Everything unsure passes. */
#ifndef PW_HOOK_XDP
#define PW_HOOK_XDP 1
#endif
#include "capture.bpf.h"
#include "judge.bpf.h"
#include "quick.bpf.h"
#include "tag.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

#ifndef PW_BEFORE_PARSE /* benchmarks put another source in; see bench/sources.bpf.h */
#define PW_BEFORE_PARSE(ctx)
#endif

/* The one way out: counts the packet and says what becomes of it. */
PW_INLINE int pw_leave(struct pw_run *run, int action) {
  const __u32 verdict = run->verdict;
  const __u32 family = run->pkt.family;
  if (verdict < PW_VERDICT_COUNT && family < PW_FAMILY_COUNT) {
    run->row->packets[verdict][family]++;
    run->row->bytes[verdict] += run->pkt.frame_len;
  }
  return action;
}

PW_INLINE void pw_count_parse(struct pw_run *run) {
  if (run->pkt.error < PW_PARSE_COUNT) {
    run->row->parse_errors[run->pkt.error]++;
    run->verdict = PW_VERDICT_MALFORMED;
  }
  if (run->pkt.fragment & PW_FRAGMENT_LATER) pw_count_event(run->row, PW_EVENT_FRAGMENT, 1);
}

/* The usual end of a benign packet, with nothing to look up first. */
PW_INLINE int pw_leave_plain(const struct pw_run *run) {
  run->row->packets[PW_VERDICT_PASS]
                   [run->pkt.family == PW_FAMILY_IPV4 ? PW_FAMILY_IPV4 : PW_FAMILY_IPV6]++;
  run->row->bytes[PW_VERDICT_PASS] += run->pkt.frame_len;
  return XDP_PASS;
}

SEC("xdp.frags")
int pw_xdp(struct xdp_md *ctx) {
  PW_BEFORE_PARSE(ctx);
#ifndef PW_NO_QUICK
  const int action = pw_quick(ctx);
  if (action != PW_QUICK_UNDECIDED) return action;
#endif

  struct pw_run run = {.row = pw_counter_row()};
  if (!run.row) return XDP_PASS;
  pw_parse(ctx, &run.pkt);
  if (run.pkt.layer != PW_LAYER_NONE) {
    pw_recognise(&run);
    if (pw_is_plain(&run)) return pw_leave_plain(&run);
  }
  run.cfg = pw_get_settings();
  if (!run.cfg) return XDP_PASS;
  pw_count_parse(&run);
  if (run.pkt.layer == PW_LAYER_NONE) return pw_leave(&run, XDP_PASS);

  if (pw_judge(&run)) return pw_leave(&run, XDP_DROP);
  if (run.port.flags & (PW_PORT_LLM | PW_PORT_DECOY)) {
    if (run.port.service < PW_SERVICE_COUNT) run.row->llm_packets[run.port.service]++;
    if (pw_capture(ctx, &run)) return pw_leave(&run, XDP_DROP);
  }
  if (run.cfg->tag_mask) pw_write_meta(ctx, run.tag_bits);
  return pw_leave(&run, XDP_PASS);
}
