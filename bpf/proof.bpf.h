/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "proof": do these payload bytes come from the address they claim? (DESIGN 2.1)
 *
 * Rule 1  first payload: seq == client_isn+1 of the remembered SYN-ACK, and ack == server_isn+1 or
 *         past it by no more than the server has sent since.
 * Rule 2  seq == next_seq of a flow that is proven.
 * Else    the bytes wait: tc egress reports the server's ACK when it advances, user space decides.
 * next_seq follows a validly advanced server ACK, so that a flow comes back to rule 2 after loss.
 */
#ifndef PROBEWALL_PROOF_BPF_H
#define PROBEWALL_PROOF_BPF_H

#include "flow.bpf.h"

enum pw_proof_kind {
  PW_PROOF_NONE = 0,
  PW_PROOF_NEXT,  /* rule 2, or rule 1 on a flow that starts with it */
  PW_PROOF_REPEAT /* rule 1 again on the flow it created: a retransmitted first payload */
};

struct pw_proof {
  __u64 hash;        /* of the flow; 0: not computed */
  __u32 server_isn1; /* these two with `anchored` */
  __u32 client_isn1;
  __u8 anchored; /* the slot belongs to this flow, and the packet lies ahead of both ISNs */
  __u8 fresh;    /* ... and it acknowledges that SYN-ACK, or what the server has sent since */
  __u8 first;    /* ... and rule 1 holds */
  __u8 kind;     /* enum pw_proof_kind */
  __u32 spoken;  /* with `anchored`: bytes that the server has sent since */
};

/* The acknowledgment is read before the flags, as tc egress clears the flags before it sets a new
 * baseline: a flag can never vouch for a number of another handshake. */
PW_INLINE void pw_follow_server_ack(struct pw_flow *flow) {
  const __u32 server_ack = PW_READ_ONCE(flow->server_ack);
  if (!(PW_READ_ONCE(flow->out_flags) & PW_FLOW_ACK_ADVANCED)) return;
  if (!(flow->in_flags & PW_FLOW_PROVEN)) {
    flow->next_seq = server_ack;
    flow->budget_seq = server_ack;
    flow->captured = 0;
    flow->in_flags |= PW_FLOW_PROVEN;
  } else if (pw_seq_distance(flow->next_seq, server_ack) > 0) {
    flow->next_seq = server_ack;
  }
}

/* Bytes that the server has sent since its SYN-ACK: where no flow is known the slot says so, else
 * the flow. Both are numbers of the server's own packets, and it sends none before the client has
 * proven itself to it, so a forger gains nothing by them. */
PW_INLINE __u32 pw_spoken(__u64 client, __u32 server_isn1, const struct pw_flow *flow) {
  const __u32 spoken = PW_SYNACK_SPOKEN(client);
  if (!flow) return spoken;
  const __u32 by_flow = PW_READ_ONCE(flow->server_seq) - server_isn1;
  return by_flow <= PW_SPOKEN_MAX && by_flow > spoken ? by_flow : spoken;
}

/* Reads the SYN-ACK slot. Torn or foreign slots do not match either tag. `flow` may be NULL. */
PW_LOCAL int pw_read_synack(const struct pw_run *run, const union pw_flow_words *id,
                            const struct pw_flow *flow, struct pw_proof *proof) {
  proof->hash = pw_flow_hash(id, run->cfg->hash_seed);
  const struct pw_synack_slot *slot = pw_synack_slot_of(proof->hash);
  if (!slot) return 0;
  const __u64 server = PW_READ_ONCE(slot->server_isn1);
  const __u64 client = PW_READ_ONCE(slot->client_isn1);
  const __u32 tag = pw_synack_tag(proof->hash);
  if (server >> 32 != tag || client >> 48 != tag >> 16) return 0;
  proof->server_isn1 = (__u32)server;
  proof->client_isn1 = (__u32)client;
  if (run->pkt.ack - proof->server_isn1 >= PW_ANCHOR_WINDOW ||
      run->pkt.seq - proof->client_isn1 >= PW_ANCHOR_WINDOW)
    return 0;
  proof->anchored = 1;
  proof->spoken = pw_spoken(client, proof->server_isn1, flow);
  proof->fresh =
      run->pkt.ack - proof->server_isn1 <= proof->spoken && (run->pkt.tcp_flags & PW_TCP_ACK);
  proof->first = proof->fresh && run->pkt.seq == proof->client_isn1;
  return 0;
}

/* What waits for proof goes on waiting when its flow is made anew: bytes that overtook the first
 * payload. (What waited on an earlier connection stopped with this one's SYN-ACK.) A forged end
 * beyond any window must not make them be forgotten either, only bound how long they are waited
 * for. */
PW_INLINE void pw_keep_waiting(struct pw_flow *flow, const struct pw_flow *old) {
  const __u16 acked = PW_READ_ONCE(old->acked_count);
  if (old->pending_count == acked) return;
  flow->pending_count = old->pending_count;
  flow->acked_count = acked;
  flow->pending_end = old->pending_end;
  if (flow->pending_end - flow->next_seq > PW_PENDING_WINDOW)
    flow->pending_end = flow->next_seq + PW_PENDING_WINDOW;
}

/* (Re)creates the flow entry; `old` may be NULL. Proven only by rule 1. Returns the entry or NULL
 * (counted). */
PW_LOCAL struct pw_flow *pw_create_flow(struct pw_run *run, const union pw_flow_words *id,
                                        const struct pw_proof *proof, const struct pw_flow *old) {
  struct pw_flow flow = {};
  flow.created_ns = bpf_ktime_get_ns();
  flow.next_seq = run->pkt.seq;
  flow.budget_seq = run->pkt.seq;
  flow.skip_slot = (proof->hash >> 16) & (PW_SKIP_SLOTS - 1);
  /* Random, not hashed: a word left over from an earlier connection of the same ports, or of
   * another flow in this slot, must not match. */
  flow.skip_tag = bpf_get_prandom_u32();
  if (flow.skip_tag == 0) flow.skip_tag = 1;
  if (proof->anchored) {
    flow.client_isn1 = proof->client_isn1;
    flow.in_flags |= PW_FLOW_ANCHORED;
  }
  if (proof->first) flow.in_flags |= PW_FLOW_PROVEN;
  /* The SYN-ACK acknowledged client_isn+1. Only a packet that acknowledges that SYN-ACK, or what
   * followed it, shows that the slot is of this connection and not of an earlier one. */
  if (proof->fresh) {
    flow.server_ack = proof->client_isn1;
    flow.server_seq = proof->server_isn1 + proof->spoken;
    flow.out_flags = PW_FLOW_ACK_SEEN;
  }
  if (old) pw_keep_waiting(&flow, old);
  struct pw_flow *created = NULL;
  if (bpf_map_update_elem(&pw_flows, &id->key, &flow, BPF_ANY) == 0)
    created = bpf_map_lookup_elem(&pw_flows, &id->key);
  if (!created) pw_count_event(run->row, PW_EVENT_FLOW_CREATE_FAILED, 1);
  return created;
}

PW_INLINE bool pw_is_next(const struct pw_run *run, const struct pw_flow *flow) {
  return (flow->in_flags & PW_FLOW_PROVEN) && run->pkt.seq == flow->next_seq;
}

/* Judges a segment with payload and sets proof->kind. Rule 1 (re)creates the flow: a remembered
 * client ISN other than the entry's means a new connection on the same ports. Returns the flow,
 * NULL when there is none. `proof` is zeroed by the caller. */
PW_LOCAL struct pw_flow *pw_prove(struct pw_run *run, const union pw_flow_words *id,
                                  struct pw_proof *proof) {
  struct pw_flow *flow = bpf_map_lookup_elem(&pw_flows, &id->key);
  const bool carries_ack = run->pkt.tcp_flags & PW_TCP_ACK;
  if (flow) {
    pw_follow_server_ack(flow);
    if (carries_ack && pw_is_next(run, flow)) {
      proof->kind = PW_PROOF_NEXT;
      return flow;
    }
  }
  PW_DO(pw_read_synack(run, id, flow, proof));
  if (!proof->first) return flow;
  const __u16 known = PW_FLOW_PROVEN | PW_FLOW_ANCHORED;
  if (flow && (flow->in_flags & known) == known && flow->client_isn1 == proof->client_isn1) {
    proof->kind = PW_PROOF_REPEAT;
    return flow;
  }
  proof->kind = PW_PROOF_NEXT;
  return pw_create_flow(run, id, proof, flow);
}

#endif
