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
PW_INLINE int pw_quick_leave(__u32 frame_len, const __u32 verdict, const __u32 family, int action) {
  struct pw_counters *row = pw_counter_row();
  if (!row) return action;
  row->packets[verdict][family]++;
  row->bytes[verdict] += frame_len;
  return action;
}

PW_INLINE bool pw_quick_llm(const struct pw_glance *g) {
  const __u32 port = g->port;
  if (port == PW_NO_PORT) return false;
  const struct pw_port *found = bpf_map_lookup_elem(&pw_ports, &port);
  return found && (found->flags & (PW_PORT_LLM | PW_PORT_DECOY));
}

/* What a quick look into the tables says. */
enum pw_quick_look {
  PW_LOOK_UNSURE = 0,
  PW_LOOK_NOTHING, /* no entry covers the source, and its prefilter bits are clear */
  PW_LOOK_PLAIN,   /* likewise, and its port is none of ours */
  PW_LOOK_SHARED,  /* no entry covers it, but others have set a bit of it */
  PW_LOOK_BAN,     /* a DROP entry is in force */
  PW_LOOK_FEED     /* likewise, of a feed */
};

PW_INLINE int pw_look_of_drop(__u32 origin) {
  return origin == PW_ORIGIN_FEED ? PW_LOOK_FEED : PW_LOOK_BAN;
}

#ifdef PW_BLOCK_REFERENCE
struct pw_gate; /* there is none */
PW_INLINE const struct pw_gate *pw_get_gate(void) { return 0; }
PW_INLINE bool pw_v4_seen(const struct pw_gate *gate, __u32 host) { return true; }
PW_INLINE int pw_look_unseen_v4(const struct pw_gate *gate, __u32 host, __u32 port) {
  return PW_LOOK_UNSURE;
}
PW_INLINE bool pw_quick_plain_v6(const __u64 *half, __u32 port) { return false; }
PW_INLINE int pw_quick_look(const struct pw_addr *addr, __u32 family) {
  struct pw_block_entry entry;
  const int action = pw_block_match(addr, family, 1, &entry);
  if (action == PW_ACTION_DROP) return pw_look_of_drop(entry.origin);
  return action == PW_ACTION_NONE ? PW_LOOK_SHARED : PW_LOOK_UNSURE;
}
PW_INLINE int pw_look_seen_v4(const struct pw_gate *gate, __u32 host) {
  struct pw_addr addr;
  pw_set_mapped(&addr, bpf_htonl(host));
  return pw_quick_look(&addr, PW_FAMILY_IPV4);
}
PW_INLINE int pw_quick_look_v6(const __u64 *half, __u32 port) {
  struct pw_addr addr;
  __builtin_memcpy(&addr, half, sizeof(addr));
  return pw_quick_look(&addr, PW_FAMILY_IPV6);
}
#else
/* Is the port outside the range of all LLM and decoy ports? Most are. `ports`: a gate's. */
PW_INLINE bool pw_quick_far_port(__u64 ports, __u32 port) {
  return port - (__u32)ports >= ports >> 32;
}
/* The look at a source of which no table knows anything. */
PW_INLINE int pw_look_of_unknown(__u64 ports, __u32 port) {
  return pw_quick_far_port(ports, port) ? PW_LOOK_PLAIN : PW_LOOK_NOTHING;
}

/* The look at a source whose address is in no table: most packets. */
PW_INLINE int pw_look_unseen_v4(const struct pw_gate *gate, __u32 host, __u32 port) {
  return pw_v4_net(gate, host) ? PW_LOOK_UNSURE : pw_look_of_unknown(gate->ports4, port);
}
/* Most packets: nothing is blocked near the source, and the port is none of ours. */
PW_INLINE bool pw_quick_plain_v6(const __u64 *half, __u32 port) {
  const struct pw_gate *gate = pw_get_gate();
  return !PW_BIT_OF(gate->v6, PW_GATE6_BIT(half[0])) && pw_quick_far_port(gate->ports6, port);
}

/* The entry in force for a single address, or PW_LOOK_NOTHING when it has none. */
PW_INLINE int pw_look_of_single(const struct pw_found *found) {
  if (!found->state) return found->further ? PW_LOOK_UNSURE : PW_LOOK_NOTHING;
  if (PW_SLOT_ACTION(found->state) != PW_ACTION_DROP || !pw_state_live(found->state))
    return PW_LOOK_UNSURE;
  return pw_look_of_drop(PW_MARKS_ORIGIN(found->marks));
}

PW_INLINE int pw_look_seen_v4(const struct pw_gate *gate, __u32 host) {
  struct pw_found found = {};
  if (!pw_find_v4_by_gate(gate, host, &found)) return PW_LOOK_UNSURE;
  const int look = pw_look_of_single(&found);
  if (look != PW_LOOK_NOTHING) return look;
  /* Asked for anew: kept, it would take room on a stack that Linux 6.1 counts to 512 bytes. */
  return pw_v4_net(pw_get_gate(), host) ? PW_LOOK_UNSURE : PW_LOOK_SHARED;
}

PW_INLINE int pw_quick_look_v6(const __u64 *half, __u32 port) {
  const struct pw_gate *gate = pw_get_gate();
  if (!pw_v6_gated(gate, half[0])) return pw_look_of_unknown(gate->ports6, port);
  const struct pw_front6 *front = pw_front6();
  if (!front) return PW_LOOK_UNSURE;
  if (!pw_v6_seen(front, half))
    return pw_v6_net(front, half[0]) ? PW_LOOK_UNSURE : pw_look_of_unknown(gate->ports6, port);
  struct pw_found found = {};
  if (!pw_find_v6_by_gate(gate, half, &found)) return PW_LOOK_UNSURE;
  const int look = pw_look_of_single(&found);
  if (look != PW_LOOK_NOTHING) return look;
  return pw_v6_net(front, half[0]) ? PW_LOOK_UNSURE : PW_LOOK_SHARED;
}
#endif

/* May a DROP entry be acted upon without further questions? */
PW_INLINE bool pw_quick_may_drop(const struct pw_settings *cfg, const struct pw_glance *g) {
  return cfg->enforcing && !cfg->enforce_until_s && (!cfg->llm_scope_only || pw_quick_llm(g));
}

/* The way from the look to the action. `allow`: may an allow entry cover the source? */
#define PW_QUICK_END(family, allow)                                               \
  do {                                                                            \
    if (look == PW_LOOK_PLAIN)                                                    \
      return pw_quick_leave(g.frame_len, PW_VERDICT_PASS, family, XDP_PASS);      \
    if (look == PW_LOOK_NOTHING) {                                                \
      if (pw_quick_llm(&g)) return PW_QUICK_UNDECIDED;                            \
      return pw_quick_leave(g.frame_len, PW_VERDICT_PASS, family, XDP_PASS);      \
    }                                                                             \
    const struct pw_settings *cfg = pw_get_settings();                            \
    if (!cfg || look == PW_LOOK_UNSURE) return PW_QUICK_UNDECIDED;                \
    if (look == PW_LOOK_SHARED) {                                                 \
      if (pw_quick_llm(&g)) return PW_QUICK_UNDECIDED;                            \
      if (cfg->tag_mask) pw_write_meta(ctx, 0); /* spares tc ingress the look */  \
      return pw_quick_leave(g.frame_len, PW_VERDICT_PASS, family, XDP_PASS);      \
    }                                                                             \
    if (!pw_quick_may_drop(cfg, &g) || (allow)) return PW_QUICK_UNDECIDED;        \
    if (look == PW_LOOK_FEED)                                                     \
      return pw_quick_leave(g.frame_len, PW_VERDICT_DROP_FEED, family, XDP_DROP); \
    return pw_quick_leave(g.frame_len, PW_VERDICT_DROP_BAN, family, XDP_DROP);    \
  } while (0)

PW_INLINE int pw_quick_v4(struct xdp_md *ctx) {
  struct pw_glance g;
  if (!pw_glance_v4(ctx, &g)) return PW_QUICK_UNDECIDED;
  const struct pw_gate *gate = pw_get_gate();
  /* Asked first: a blocked source's /24 is not looked up, which would be a cache line more. */
  const bool seen = pw_v4_seen(gate, g.host);
  if (__builtin_expect(!seen && pw_look_unseen_v4(gate, g.host, g.port) == PW_LOOK_PLAIN, 1))
    return pw_quick_leave(g.frame_len, PW_VERDICT_PASS, PW_FAMILY_IPV4, XDP_PASS);
  /* What was worked out for the usual packet would otherwise be kept for the rest, at the cost of
   * the usual one. */
  PW_ANEW(g.host);
  PW_ANEW(g.port);
  const int look = seen ? pw_look_seen_v4(gate, g.host) : pw_look_unseen_v4(gate, g.host, g.port);
  PW_QUICK_END(PW_FAMILY_IPV4, pw_allow_hint_v4(g.host));
}

PW_INLINE int pw_quick_v6(struct xdp_md *ctx) {
  struct pw_glance g;
  if (!pw_glance_v6(ctx, &g)) return PW_QUICK_UNDECIDED;
  if (__builtin_expect(pw_quick_plain_v6(g.half, g.port), 1))
    return pw_quick_leave(g.frame_len, PW_VERDICT_PASS, PW_FAMILY_IPV6, XDP_PASS);
  PW_ANEW(g.half[0]);
  PW_ANEW(g.half[1]);
  PW_ANEW(g.port);
  const int look = pw_quick_look_v6(g.half, g.port);
  PW_QUICK_END(PW_FAMILY_IPV6, pw_allow_hint_v6(g.half[0]));
}

/* The XDP action, or PW_QUICK_UNDECIDED. */
PW_INLINE int pw_quick(struct xdp_md *ctx) {
  const __be16 type = pw_glance_type(ctx);
  if (type == bpf_htons(ETH_P_IP)) return pw_quick_v4(ctx);
  if (type == bpf_htons(ETH_P_IPV6)) return pw_quick_v6(ctx);
  return PW_QUICK_UNDECIDED;
}

#endif
