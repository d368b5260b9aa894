/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "answer": what the server's own packets prove and say. Writes a flow's egress fields only.
 */
#ifndef PROBEWALL_ANSWER_BPF_H
#define PROBEWALL_ANSWER_BPF_H

#include "record.bpf.h"

/* A SYN-ACK: remember both initial sequence numbers for rule 1. No entry is created, so a SYN flood
 * costs two stores per answer. Where a flow of these ports is known, it ends here: its ACK
 * tracking starts over from this handshake. Otherwise an attacker could forge two handshakes with
 * initial sequence numbers of his choice and have the difference counted as an advance. */
PW_LOCAL int pw_take_synack(struct pw_run *run, const union pw_flow_words *id) {
  const __u64 hash = pw_flow_hash(id, run->cfg->hash_seed);
  struct pw_synack_slot *slot = pw_synack_slot_of(hash);
  if (!slot) return 0;
  const __u64 tag = (__u64)pw_synack_tag(hash) << 32;
  PW_WRITE_ONCE(slot->server_isn1, tag | (__u32)(run->pkt.seq + 1));
  PW_WRITE_ONCE(slot->client_isn1, PW_SYNACK_CLIENT(pw_synack_tag(hash), 0, run->pkt.ack));
  pw_count_event(run->row, PW_EVENT_SYNACK_STORED, 1);

  struct pw_flow *flow = bpf_map_lookup_elem(&pw_flows, &id->key);
  if (!flow) return 0;
  PW_WRITE_ONCE(flow->out_flags, 0);
  PW_WRITE_ONCE(flow->server_ack, run->pkt.ack);
  flow->server_seq = run->pkt.seq + 1;
  flow->response_left = 0;
  flow->acked_count = PW_READ_ONCE(flow->pending_count);
  PW_WRITE_ONCE(flow->out_flags, PW_FLOW_ACK_SEEN);
  return 0;
}

/* The server speaks before its client has, as far as is known: remember up to where, as the
 * client's first payload will acknowledge it. Also bytes of a flow that was evicted; they harm
 * nothing. */
PW_LOCAL int pw_take_first_words(struct pw_run *run, const union pw_flow_words *id) {
  const __u64 hash = pw_flow_hash(id, run->cfg->hash_seed);
  const __u32 tag = pw_synack_tag(hash);
  struct pw_synack_slot *slot = pw_synack_slot_of(hash);
  if (!slot) return 0;
  const __u64 server = PW_READ_ONCE(slot->server_isn1);
  const __u64 client = PW_READ_ONCE(slot->client_isn1);
  if (server >> 32 != tag || client >> 48 != tag >> 16) return 0;
  const __u32 begin = run->pkt.seq - (__u32)server;
  const __u32 end = begin + run->pkt.payload_len;
  if (begin > PW_SPOKEN_MAX || end > PW_SPOKEN_MAX || end <= PW_SYNACK_SPOKEN(client)) return 0;
  PW_WRITE_ONCE(slot->client_isn1, PW_SYNACK_CLIENT(tag, end, (__u32)client));
  return 0;
}

/* The server's ACK advanced from `prev` while bytes wait for proof: say so. The count is read
 * before the end, as XDP writes them in the other order. A lost record leaves them waiting for the
 * next advance. */
PW_LOCAL int pw_report_ack(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                           struct pw_flow *flow, __u32 prev) {
  const __u16 count = PW_READ_ONCE(flow->pending_count);
  if (count == flow->acked_count) return 0;
  const __u32 end = PW_READ_ONCE(flow->pending_end);
  struct pw_scratch_value *scratch = pw_record_start(run, id, flow, PW_RECORD_ACK);
  if (!scratch) return 0;
  scratch->record.prev_ack = prev;
  scratch->record.flags |= PW_RECORD_FROM_SERVER;
  if (pw_emit(ctx, 0, 0)) return 0;
  if (pw_seq_distance(end, run->pkt.ack) >= 0) flow->acked_count = count;
  return 0;
}

/* ACK without SYN or RST. The first one of a flow whose handshake was not seen, and one that jumps
 * further than any window, are only a new baseline. */
PW_INLINE void pw_track_ack(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                            struct pw_flow *flow) {
  const __u32 ack = run->pkt.ack;
  const __u32 prev = flow->server_ack;
  const __s32 step = pw_seq_distance(prev, ack);
  if (!(flow->out_flags & PW_FLOW_ACK_SEEN) || step > (__s32)PW_ACK_ADVANCE_MAX ||
      step < -(__s32)PW_ACK_ADVANCE_MAX) {
    PW_WRITE_ONCE(flow->out_flags, 0);
    PW_WRITE_ONCE(flow->server_ack, ack);
    flow->server_seq = run->pkt.seq;
    PW_WRITE_ONCE(flow->out_flags, PW_FLOW_ACK_SEEN);
  } else if (step > 0) {
    PW_WRITE_ONCE(flow->server_ack, ack);
    PW_WRITE_ONCE(flow->out_flags, PW_FLOW_ACK_SEEN | PW_FLOW_ACK_ADVANCED);
    PW_DO(pw_report_ack(ctx, run, id, flow, prev));
  }
}

/* `text`: the first 9 bytes. Any frame but DATA: besides HEADERS, those that may come before it in
 * a segment, and those whose loss would put the reader out of step. */
PW_INLINE bool pw_starts_answer_frame(const __u8 *text) {
  return text[0] == 0 && text[1] <= 0x40 && text[3] >= 1 && text[3] <= 9 && text[5] < 0x80;
}

/* Of the `len` bytes of payload at `off`. */
PW_INLINE bool pw_starts_response(pw_ctx *ctx, __u32 off, __u32 len, const struct pw_flow *flow) {
  static const char kStart[8] = "HTTP/1.";
  __u8 text[9] = {};
  bool line = true;
  if (len < 7 || pw_load_bytes(ctx, off, text, 7)) return false;
#pragma unroll
  for (int i = 0; i < 7; i++)
    if (text[i] != kStart[i]) line = false;
  if (line || !(PW_READ_ONCE(flow->in_flags) & PW_FLOW_HTTP2)) return line;
  if (len < sizeof(text) || pw_load_bytes(ctx, off, text, sizeof(text))) return false;
  return pw_starts_answer_frame(text);
}

/* First bytes of an answer, at most PW_RESPONSE_CAPTURE over the segments that follow its start. */
PW_LOCAL int pw_take_response(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                              struct pw_flow *flow) {
  __u32 flags = PW_RECORD_FROM_SERVER;
  __u32 left = flow->response_left;
  if (pw_starts_response(ctx, run->pkt.payload_off, run->pkt.payload_len, flow)) {
    left = PW_RESPONSE_CAPTURE;
    flags |= PW_RECORD_RESPONSE_START;
  }
  if (left == 0) return 0;
  const __u32 cap = run->pkt.payload_len < left ? run->pkt.payload_len : left;
  flow->response_left = left - cap;
  struct pw_scratch_value *scratch = pw_record_start(run, id, flow, PW_RECORD_RESPONSE);
  if (!scratch) return 0;
  scratch->record.flags |= flags;
  scratch->record.payload_len = run->pkt.payload_len;
  return pw_emit(ctx, run->pkt.payload_off, cap);
}

/* A server's FIN or RST. On a flow with neither proof nor bytes that wait for it this tells user
 * space nothing, and forged packets could evoke any number of resets; so it is reported once per
 * waiting segment there. */
PW_INLINE void pw_take_server_close(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                                    struct pw_flow *flow) {
  const bool proven =
      (PW_READ_ONCE(flow->in_flags) & PW_FLOW_PROVEN) || (flow->out_flags & PW_FLOW_ACK_ADVANCED);
  const __u16 count = PW_READ_ONCE(flow->pending_count);
  if (!proven) {
    if (count == flow->acked_count) return;
    flow->acked_count = count;
  }
  struct pw_scratch_value *scratch = pw_record_start(run, id, flow, PW_RECORD_CLOSE);
  if (!scratch) return;
  scratch->record.payload_len = run->pkt.payload_len;
  scratch->record.flags |= PW_RECORD_FROM_SERVER;
  scratch->record.flags |= (run->pkt.tcp_flags & PW_TCP_RST) ? PW_RECORD_RST : PW_RECORD_FIN;
  PW_DO(pw_emit(ctx, 0, 0));
}

/* Any packet but a SYN-ACK from an LLM or decoy port, of a known flow. */
PW_LOCAL int pw_take_answer(pw_ctx *ctx, struct pw_run *run, const union pw_flow_words *id,
                            struct pw_flow *flow) {
  const __u8 flags = run->pkt.tcp_flags;
  if (!(flags & PW_TCP_RST)) {
    if (flags & PW_TCP_ACK) pw_track_ack(ctx, run, id, flow);
    /* A retransmission says nothing new. */
    const bool fresh = pw_seq_distance(flow->server_seq, run->pkt.seq) >= 0;
    if (run->pkt.payload_len && fresh) PW_DO(pw_take_response(ctx, run, id, flow));
    const __u32 next = run->pkt.seq + run->pkt.payload_len + ((flags & PW_TCP_FIN) ? 1 : 0);
    if (pw_seq_distance(flow->server_seq, next) > 0) flow->server_seq = next;
  }
  if (flags & (PW_TCP_FIN | PW_TCP_RST)) pw_take_server_close(ctx, run, id, flow);
  return 0;
}

#endif
