/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "quick": the verdict on most packets, good or bad, from a glance and without a function
 * call. It answers only where the whole way (parse, judge, capture) would answer the same. */
#ifndef PROBEWALL_QUICK_BPF_H
#define PROBEWALL_QUICK_BPF_H

#include "glance.bpf.h"
#include "judge.bpf.h"
#include "tag.bpf.h"

#define PW_QUICK_UNDECIDED (-1)

/* `verdict`, `family`: constants. */
PW_INLINE int pw_quick_leave(struct pw_counters *row, __u32 frame_len, const __u32 verdict,
                             const __u32 family, int action) {
  row->packets[verdict][family]++;
  row->bytes[verdict] += frame_len;
  return action;
}

PW_INLINE bool pw_quick_llm(const struct pw_glance *g) {
  return g->tcp && (pw_port_of(g->dst_port).flags & (PW_PORT_LLM | PW_PORT_DECOY));
}

/* What a quick look into the tables says: `action` is in force; NONE: nothing is, when `sure`. */
struct pw_quick_entry {
  __u32 action; /* enum pw_block_action */
  __u32 origin; /* enum pw_block_origin */
  bool sure;
};

#ifdef PW_BLOCK_REFERENCE
PW_INLINE struct pw_quick_entry pw_quick_find(const struct pw_addr *addr, __u32 family) {
  struct pw_block_entry entry;
  struct pw_quick_entry found = {.sure = true};
  found.action = pw_block_match(addr, family, 1, &entry);
  found.origin = entry.origin;
  return found;
}
PW_INLINE struct pw_quick_entry pw_quick_find_v4(__u32 host, __u32 hint) {
  struct pw_addr addr;
  pw_set_mapped(&addr, bpf_htonl(host));
  return pw_quick_find(&addr, PW_FAMILY_IPV4);
}
PW_INLINE struct pw_quick_entry pw_quick_find_v6(const __u64 *half, __u32 hint) {
  struct pw_addr addr;
  __builtin_memcpy(&addr, half, sizeof(addr));
  return pw_quick_find(&addr, PW_FAMILY_IPV6);
}
#else
PW_INLINE struct pw_quick_entry pw_quick_entry_of(const struct pw_found *single, bool others) {
  struct pw_quick_entry found = {.sure = !others && !single->state && !single->further};
  if (single->state && pw_state_live(single->state)) found.action = PW_SLOT_ACTION(single->state);
  found.origin = PW_MARKS_ORIGIN(single->marks);
  return found;
}
PW_INLINE struct pw_quick_entry pw_quick_find_v4(__u32 host, __u32 hint) {
  struct pw_found single = {};
  if (hint & PW_V4_SINGLE) single = pw_find_v4(host);
  return pw_quick_entry_of(&single, hint & PW_V4_PREFIX);
}
PW_INLINE struct pw_quick_entry pw_quick_find_v6(const __u64 *half, __u32 hint) {
  struct pw_found single = {};
  if (hint & PW_V6_NEAR) single = pw_find_v6(half);
  return pw_quick_entry_of(&single, true);
}
#endif

/* May a DROP entry be acted upon without further questions? */
PW_INLINE bool pw_quick_may_drop(const struct pw_settings *cfg, const struct pw_glance *g) {
  return cfg->enforcing && !cfg->enforce_until_s && (!cfg->llm_scope_only || pw_quick_llm(g));
}

/* For a source that only shares a bit of the prefilter with others: spares tc ingress the look. */
PW_INLINE void pw_quick_tag(struct xdp_md *ctx, const struct pw_settings *cfg) {
  if (cfg->tag_mask) pw_write_meta(ctx, 0);
}

PW_INLINE int pw_quick_v4(struct xdp_md *ctx, struct pw_counters *row) {
  struct pw_glance g;
  if (!pw_glance_v4(ctx, &g)) return PW_QUICK_UNDECIDED;
  const __u32 hint = pw_v4_hint(g.host);
  if (__builtin_expect(!hint, 1)) {
    if (pw_quick_llm(&g)) return PW_QUICK_UNDECIDED;
    return pw_quick_leave(row, g.frame_len, PW_VERDICT_PASS, PW_FAMILY_IPV4, XDP_PASS);
  }
  const struct pw_settings *cfg = pw_get_settings();
  if (!cfg) return PW_QUICK_UNDECIDED;
  const struct pw_quick_entry found = pw_quick_find_v4(g.host, hint);
  if (found.action == PW_ACTION_DROP) {
    if (!pw_quick_may_drop(cfg, &g) || pw_allow_hint_v4(g.host)) return PW_QUICK_UNDECIDED;
    if (found.origin == PW_ORIGIN_FEED)
      return pw_quick_leave(row, g.frame_len, PW_VERDICT_DROP_FEED, PW_FAMILY_IPV4, XDP_DROP);
    return pw_quick_leave(row, g.frame_len, PW_VERDICT_DROP_BAN, PW_FAMILY_IPV4, XDP_DROP);
  }
  if (found.action != PW_ACTION_NONE || !found.sure || pw_quick_llm(&g)) return PW_QUICK_UNDECIDED;
  pw_quick_tag(ctx, cfg);
  return pw_quick_leave(row, g.frame_len, PW_VERDICT_PASS, PW_FAMILY_IPV4, XDP_PASS);
}

PW_INLINE int pw_quick_v6(struct xdp_md *ctx, struct pw_counters *row) {
  struct pw_glance g;
  if (!pw_glance_v6(ctx, &g)) return PW_QUICK_UNDECIDED;
  const __u32 hint = pw_v6_hint(g.half[0]);
  if (__builtin_expect(!hint, 1)) {
    if (pw_quick_llm(&g)) return PW_QUICK_UNDECIDED;
    return pw_quick_leave(row, g.frame_len, PW_VERDICT_PASS, PW_FAMILY_IPV6, XDP_PASS);
  }
  const struct pw_settings *cfg = pw_get_settings();
  if (!cfg) return PW_QUICK_UNDECIDED;
  const struct pw_quick_entry found = pw_quick_find_v6(g.half, hint);
  if (found.action == PW_ACTION_DROP) {
    if (!pw_quick_may_drop(cfg, &g) || pw_allow_hint_v6(g.half[0])) return PW_QUICK_UNDECIDED;
    if (found.origin == PW_ORIGIN_FEED)
      return pw_quick_leave(row, g.frame_len, PW_VERDICT_DROP_FEED, PW_FAMILY_IPV6, XDP_DROP);
    return pw_quick_leave(row, g.frame_len, PW_VERDICT_DROP_BAN, PW_FAMILY_IPV6, XDP_DROP);
  }
  if (found.action != PW_ACTION_NONE || !found.sure || pw_quick_llm(&g)) return PW_QUICK_UNDECIDED;
  pw_quick_tag(ctx, cfg);
  return pw_quick_leave(row, g.frame_len, PW_VERDICT_PASS, PW_FAMILY_IPV6, XDP_PASS);
}

/* The XDP action, or PW_QUICK_UNDECIDED. */
PW_INLINE int pw_quick(struct xdp_md *ctx, struct pw_counters *row) {
  const __be16 type = pw_glance_type(ctx);
  if (type == bpf_htons(ETH_P_IP)) return pw_quick_v4(ctx, row);
  if (type == bpf_htons(ETH_P_IPV6)) return pw_quick_v6(ctx, row);
  return PW_QUICK_UNDECIDED;
}

#endif
