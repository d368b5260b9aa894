/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "capture": client segments to LLM and decoy ports -> records, within the request's, the
 * source's and the unproven share's budget, minus what user space asked to skip. README.md states
 * the rules; the software twin follows them. Each function returns true when the packet is to be
 * dropped. */
#ifndef PROBEWALL_CAPTURE_BPF_H
#define PROBEWALL_CAPTURE_BPF_H

#include "allow.bpf.h"
#include "proof.bpf.h"
#include "rate.bpf.h"
#include "record.bpf.h"
#include "seek.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PW_SKIP_SLOTS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, __u64);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_skip SEC(".maps");

struct pw_skip_order {
  __u32 valid;
  __u32 resume; /* first sequence number user space wants */
};

PW_INLINE struct pw_skip_order pw_skip_of(const struct pw_run *run, const struct pw_flow *flow) {
  struct pw_skip_order order = {};
  __u32 slot = flow->skip_slot;
  const __u64 *found = bpf_map_lookup_elem(&pw_skip, &slot);
  if (!found) return order;
  const __u64 word = PW_READ_ONCE(*found);
  if ((word >> 32) != flow->skip_tag) return order;
  const __s32 ahead = pw_seq_distance(run->pkt.seq, (__u32)word);
  if (ahead > 0 && (__u32)ahead > run->cfg->max_skip) return order;
  order.valid = 1;
  order.resume = (__u32)word;
  return order;
}

/* Bytes of this segment that lie before the resume point. */
PW_INLINE __u32 pw_skipped_bytes(const struct pw_run *run, struct pw_skip_order order) {
  if (!order.valid) return 0;
  const __s32 ahead = pw_seq_distance(run->pkt.seq, order.resume);
  if (ahead <= 0) return 0;
  return (__u32)ahead < run->pkt.payload_len ? (__u32)ahead : run->pkt.payload_len;
}

PW_INLINE void pw_grant_budget(struct pw_flow *flow, __u32 seq) {
  flow->budget_seq = seq;
  flow->captured = 0;
}

/* A resume point that this segment reaches grants a new budget, once: it has to lie past the last
 * grant. Bytes lost before it no longer matter, unless it lies before this segment. */
PW_INLINE void pw_apply_resume(const struct pw_run *run, struct pw_flow *flow,
                               struct pw_skip_order order) {
  if (!order.valid || pw_seq_distance(flow->budget_seq, order.resume) <= 0) return;
  const __u32 end = run->pkt.seq + run->pkt.payload_len;
  if (pw_seq_distance(order.resume, end) < 0) return;
  pw_grant_budget(flow, order.resume);
  if (pw_seq_distance(run->pkt.seq, order.resume) >= 0) flow->in_flags &= ~PW_FLOW_BUDGET_SPENT;
}

/* How a payload starts. Shorter than any real request line: OTHER. */
enum pw_start {
  PW_START_OTHER = 0,
  PW_START_LINE,   /* 3 to 10 capitals, a space, then the start of a target */
  PW_START_HTTP2,  /* the same, and HTTP/2's preface (RFC 9113, 3.4) */
  PW_START_HEADERS /* a HEADERS frame of a client (RFC 9113, 6.2) of at most 16 KiB */
};

/* `text`: the first 9 bytes. */
PW_INLINE bool pw_is_headers_frame(const __u8 *text) {
  const __u32 length = (__u32)text[1] << 8 | text[2];
  return text[0] == 0 && length > 0 && length <= 16384 && text[3] == 1 && !(text[4] & ~0x2d) &&
         text[5] < 0x80 && (text[8] & 1);
}

#define PW_START_PROBE 12
PW_GLOBAL int pw_start_of(pw_ctx *ctx, __u32 off, __u32 len) {
  static const char kPreface[PW_START_PROBE + 1] = "PRI * HTTP/2";
  __u8 text[PW_START_PROBE] = {};
  int preface = 1;
  if (len < sizeof(text) || pw_load_bytes(ctx, off, text, sizeof(text))) return PW_START_OTHER;
  for (int i = 0; i < PW_START_PROBE; i++)
    if (text[i] != kPreface[i]) preface = 0;
  if (preface) return PW_START_HTTP2;
  for (int i = 0; i < PW_START_PROBE - 1; i++) {
    if (text[i] == ' ') {
      const __u8 target = text[i + 1];
      const bool begins = target == '/' || target == '*' || target == 'h' || target == 'H';
      return i >= 3 && begins ? PW_START_LINE : PW_START_OTHER;
    }
    if (text[i] < 'A' || text[i] > 'Z') break;
  }
  return pw_is_headers_frame(text) ? PW_START_HEADERS : PW_START_OTHER;
}

PW_INLINE bool pw_starts_request(const struct pw_flow *flow, int start) {
  return start == PW_START_LINE || start == PW_START_HTTP2 ||
         (start == PW_START_HEADERS && (flow->in_flags & PW_FLOW_HTTP2));
}

PW_INLINE __u32 pw_request_budget(const struct pw_run *run) {
  const __u32 budget = run->cfg->request_budget;
  return budget < PW_CAP_MAX ? budget : PW_CAP_MAX;
}

PW_INLINE __u32 pw_min(__u32 a, __u32 b) { return a < b ? a : b; }

PW_LOCAL int pw_emit_close(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                           const struct pw_flow *flow, __u32 flags) {
  struct pw_scratch_value *scratch = pw_record_start(run, id, flow, PW_RECORD_CLOSE);
  if (!scratch) return 0;
  scratch->record.flags |= flags;
  scratch->record.payload_len = run->pkt.payload_len;
  return pw_emit(ctx, 0, 0);
}

/* Of a segment longer than a budget, so many bytes before a request line's end are kept. */
#define PW_LINE_MAX 1024u

/* What is to be sent of one segment. */
struct pw_piece {
  __u32 seq;
  __u32 off; /* in the frame */
  __u32 len; /* to the segment's end */
  __u32 cap; /* of these, captured */
  __u32 flags;
};

PW_LOCAL int pw_emit_piece(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                           const struct pw_flow *flow, const struct pw_piece *piece) {
  struct pw_scratch_value *scratch = pw_record_start(run, id, flow, PW_RECORD_CAPTURE);
  if (!scratch) return 1;
  scratch->record.seq = piece->seq;
  scratch->record.payload_len = piece->len;
  scratch->record.flags |= piece->flags;
  return pw_emit(ctx, piece->off, piece->cap);
}

/* Counts what the skip order left out and sets `piece` to the rest. False: nothing is left. */
PW_INLINE bool pw_cut_skipped(struct pw_run *run, struct pw_skip_order order,
                              struct pw_piece *piece) {
  const __u32 skipped = pw_skipped_bytes(run, order);
  piece->seq = run->pkt.seq + skipped;
  piece->off = run->pkt.payload_off + skipped;
  piece->len = run->pkt.payload_len - skipped;
  if (run->pkt.tcp_flags & PW_TCP_FIN) piece->flags |= PW_RECORD_FIN;
  if (skipped) pw_count_event(run->row, PW_EVENT_SKIPPED_BYTES, skipped);
  if (piece->len) return true;
  pw_count_event(run->row, PW_EVENT_SKIPPED_PACKETS, 1);
  return false;
}

/* Spends the source's tokens for `piece`, which starts a request or not. True: drop. Where the
 * limit is exceeded and the packet passes all the same (allow table, observe mode), nothing is
 * captured over the capture budget, as the ring has to be protected. */
PW_INLINE bool pw_rate_limited(struct pw_run *run, struct pw_piece *piece, bool request) {
  const struct pw_packet *pkt = &run->pkt;
  const __u32 flags = (request ? PW_SPEND_REQUEST : 0) | (run->limited ? PW_SPEND_LIMITED : 0);
  const int over = pw_spend(&pkt->src, pkt->family, piece->cap, flags);
  if (!over) return false;
  run->tag_bits |= PW_TAG_RATE_LIMITED;
  if (pw_drop_gate(run, PW_VERDICT_RATE_LIMITED)) return true;
  PW_DO(pw_spend(&pkt->src, pkt->family, piece->cap, flags | PW_SPEND_FORCE));
  if (over & PW_OVER_CAPTURE) piece->cap = 0;
  return false;
}

/* Moves the flow past a proven segment. A segment that a limit dropped never gets here, so its
 * retransmission is the next expected one again. */
PW_INLINE void pw_advance(const struct pw_run *run, struct pw_flow *flow) {
  const __u32 fin = (run->pkt.tcp_flags & PW_TCP_FIN) ? 1 : 0;
  const __u32 end = run->pkt.seq + run->pkt.payload_len + fin;
  if (pw_seq_distance(flow->next_seq, end) > 0) flow->next_seq = end;
}

/* Requests begin at a segment's start, but for those that were sent in one go with what stands
 * before them. Where that is more than the budget, user space has no time to say where the body
 * ends, so what is left out behind `cap` bytes is searched. Offset in the `len` bytes at `off` from
 * where on a budget of its own is due, or `len`. */
PW_INLINE __u32 pw_hidden_at(pw_ctx *ctx, __u32 off, __u32 cap, __u32 len) {
  if (cap >= len) return len;
  const __u32 from = cap > PW_SEEK_MARK ? cap - PW_SEEK_MARK : 0;
  const int found = pw_seek_request(ctx, off + from, len - from);
  if (found < 0) return len;
  const __u32 at = from + found;
  const __u32 begin = at > PW_LINE_MAX ? at - PW_LINE_MAX : 0;
  return begin < cap ? cap : begin;
}

/* A proven segment of a known flow. */
PW_LOCAL bool pw_take_proven(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                             struct pw_flow *flow, bool repeat) {
  struct pw_piece piece = {};
  const struct pw_skip_order order = pw_skip_of(run, flow);
  piece.flags = PW_RECORD_PROVEN;
  pw_apply_resume(run, flow, order);
  if (!pw_cut_skipped(run, order, &piece)) {
    pw_advance(run, flow);
    if (run->pkt.tcp_flags & PW_TCP_FIN)
      PW_DO(pw_emit_close(ctx, run, id, flow, PW_RECORD_FIN | PW_RECORD_PROVEN));
    return false;
  }

  const int start = pw_start_of(ctx, piece.off, piece.len);
  const bool line = pw_starts_request(flow, start);
  const bool opening = (flow->in_flags & PW_FLOW_ANCHORED) && piece.seq == flow->client_isn1;
  const bool grant = line && !repeat;
  const __u32 spent = grant ? 0 : flow->captured;
  const __u32 budget = pw_request_budget(run);
  const __u32 room = budget > spent ? budget - spent : 0;
  piece.cap = pw_min(piece.len, room);
  if (grant && (flow->in_flags & PW_FLOW_BUDGET_SPENT)) piece.flags |= PW_RECORD_RESYNC;
  const __u32 len = piece.len;
  const __u32 begin = repeat ? len : pw_hidden_at(ctx, piece.off, piece.cap, len);
  const __u32 hidden = pw_min(len - begin, budget);

  const __u32 kept = piece.cap;
  piece.cap += hidden;
  if (pw_rate_limited(run, &piece, line || opening || hidden)) return true;
  const bool may_keep = piece.cap; /* not over the capture budget */
  if (start == PW_START_HTTP2) flow->in_flags |= PW_FLOW_HTTP2;
  if (grant) {
    pw_grant_budget(flow, piece.seq);
    flow->in_flags &= ~PW_FLOW_BUDGET_SPENT;
  }
  if (kept + hidden < len)
    pw_count_event(run->row, PW_EVENT_OVER_BUDGET_BYTES, len - kept - hidden);
  if (may_keep) piece.cap = kept;
  if (hidden) {
    piece.flags &= ~PW_RECORD_FIN;
    piece.len = begin;
  }
  bool sent = piece.cap && pw_emit_piece(ctx, run, id, flow, &piece) == 0;
  if (sent) flow->captured += piece.cap;
  bool whole = piece.cap == piece.len && (sent || !piece.len);
  if (hidden && may_keep) {
    piece.seq += begin;
    piece.off += begin;
    piece.len = len - begin;
    piece.cap = hidden;
    piece.flags = PW_RECORD_PROVEN;
    if (run->pkt.tcp_flags & PW_TCP_FIN) piece.flags |= PW_RECORD_FIN;
    pw_grant_budget(flow, piece.seq);
    sent = pw_emit_piece(ctx, run, id, flow, &piece) == 0;
    if (sent) flow->captured = hidden;
    whole = whole && sent && hidden == piece.len;
  }
  if (!whole) flow->in_flags |= PW_FLOW_BUDGET_SPENT;
  if (!sent && (run->pkt.tcp_flags & PW_TCP_FIN))
    PW_DO(pw_emit_close(ctx, run, id, flow, PW_RECORD_FIN | PW_RECORD_PROVEN));
  pw_advance(run, flow);
  return false;
}

/* Could an advance of the server's ACK still prove bytes that end at `end`? Those behind the last
 * ACK have missed it; those far ahead cannot be in any window. */
PW_INLINE bool pw_can_wait(const struct pw_flow *flow, __u32 end) {
  if (!(PW_READ_ONCE(flow->out_flags) & PW_FLOW_ACK_SEEN)) return true;
  const __s32 ahead = pw_seq_distance(PW_READ_ONCE(flow->server_ack), end);
  return ahead > 0 && ahead <= (__s32)PW_PENDING_WINDOW;
}

/* tc egress reads the count before the end: write in the other order. */
PW_INLINE void pw_mark_pending(struct pw_flow *flow, __u32 end) {
  const bool none = flow->pending_count == PW_READ_ONCE(flow->acked_count);
  if (none || pw_seq_distance(flow->pending_end, end) > 0) PW_WRITE_ONCE(flow->pending_end, end);
  PW_WRITE_ONCE(flow->pending_count, flow->pending_count + 1);
}

/* A segment without quick proof, or one whose flow entry could not be made. Never dropped, never
 * spends the source's budgets. */
PW_LOCAL int pw_take_unproven(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                              struct pw_flow *flow, const struct pw_proof *proof) {
  struct pw_piece piece = {};
  struct pw_skip_order order = {};
  if (flow) order = pw_skip_of(run, flow);
  if (proof->kind == PW_PROOF_NONE) pw_count_event(run->row, PW_EVENT_UNPROVEN, 1);
  if (!pw_cut_skipped(run, order, &piece)) return 0;
  const __u32 end = piece.seq + piece.len;
  const bool waits = flow && pw_can_wait(flow, end);
  if (!pw_spend_unproven(run)) {
    pw_count_event(run->row, PW_EVENT_UNPROVEN_OVER_SHARE, 1);
    if (waits) flow->in_flags |= PW_FLOW_BUDGET_SPENT;
    return 0;
  }
  if (!flow && proof->kind == PW_PROOF_NONE) flow = pw_create_flow(run, id, proof, NULL);
  if (proof->kind != PW_PROOF_NONE) piece.flags |= PW_RECORD_PROVEN;
  piece.cap = pw_min(piece.len, pw_request_budget(run));
  if (piece.cap < piece.len)
    pw_count_event(run->row, PW_EVENT_OVER_BUDGET_BYTES, piece.len - piece.cap);
  if (!piece.cap || pw_emit_piece(ctx, run, id, flow, &piece)) return 0;
  if (flow && pw_can_wait(flow, end)) pw_mark_pending(flow, end);
  return 0;
}

PW_LOCAL bool pw_take_payload(pw_ctx *ctx, struct pw_run *run) {
  union pw_flow_words id;
  struct pw_proof proof = {};
  pw_client_key(&run->pkt, &id);
  struct pw_flow *flow = pw_prove(run, &id, &proof);
  if (flow && proof.kind != PW_PROOF_NONE)
    return pw_take_proven(ctx, run, &id, flow, proof.kind == PW_PROOF_REPEAT);
  PW_DO(pw_take_unproven(ctx, run, &id, flow, &proof));
  return false;
}

/* FIN or RST without payload: reported when it is the next expected segment of a proven flow. */
PW_LOCAL int pw_take_close(pw_ctx *ctx, struct pw_run *run) {
  union pw_flow_words id;
  pw_client_key(&run->pkt, &id);
  struct pw_flow *flow = bpf_map_lookup_elem(&pw_flows, &id.key);
  if (!flow) return 0;
  pw_follow_server_ack(flow);
  if (!pw_is_next(run, flow)) return 0;
  const __u32 how = (run->pkt.tcp_flags & PW_TCP_RST) ? PW_RECORD_RST : PW_RECORD_FIN;
  PW_DO(pw_emit_close(ctx, run, &id, flow, how | PW_RECORD_PROVEN));
  if (how == PW_RECORD_FIN) pw_advance(run, flow);
  return 0;
}

/* A TCP packet to an LLM or decoy port. */
PW_INLINE bool pw_capture(pw_ctx *ctx, struct pw_run *run) {
  const __u8 flags = run->pkt.tcp_flags;
  if (flags & PW_TCP_SYN) {
    if (!(flags & PW_TCP_ACK)) pw_count_event(run->row, PW_EVENT_LLM_SYN, 1);
    if (run->pkt.payload_len) pw_count_event(run->row, PW_EVENT_SYN_WITH_DATA, 1);
    return false;
  }
  if (flags & PW_TCP_RST) { /* bytes of a reset are no request */
    PW_DO(pw_take_close(ctx, run));
    return false;
  }
  if (run->pkt.payload_len) return pw_take_payload(ctx, run);
  if (flags & PW_TCP_FIN) PW_DO(pw_take_close(ctx, run));
  return false;
}

#endif
