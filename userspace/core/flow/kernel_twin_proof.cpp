// SPDX-License-Identifier: Apache-2.0
// Twin of bpf/proof.bpf.h: do these payload bytes come from the address they claim? (DESIGN 2.1)
#include "core/flow/kernel_twin_state.hpp"

namespace probewall {
namespace {

/// Bytes that overtook the first payload go on waiting when their flow is made anew. (What waited
/// on an earlier connection stopped with this one's SYN-ACK.) A forged end beyond any window bounds
/// how long they are waited for, no more.
void keep_waiting(pw_flow& flow, const pw_flow& old) {
  if (old.pending_count == old.acked_count) return;
  flow.pending_count = old.pending_count;
  flow.acked_count = old.acked_count;
  flow.pending_end = old.pending_end;
  if (flow.pending_end - flow.next_seq > PW_PENDING_WINDOW) {
    flow.pending_end = flow.next_seq + PW_PENDING_WINDOW;
  }
}

}  // namespace

void twin::follow_server_ack(pw_flow& flow) {
  if (!(flow.out_flags & PW_FLOW_ACK_ADVANCED)) return;
  if (!(flow.in_flags & PW_FLOW_PROVEN)) {
    flow.next_seq = flow.server_ack;
    grant_budget(flow, flow.server_ack);
    flow.in_flags |= PW_FLOW_PROVEN;
  } else if (seq_before(flow.next_seq, flow.server_ack)) {
    flow.next_seq = flow.server_ack;
  }
}

void KernelTwin::State::read_synack(const Run& run, const pw_flow* flow, Proof& proof) const {
  proof.hash = synacks_.hash(run.key);
  const auto isns = synacks_.find(proof.hash);
  if (!isns) return;
  if (run.pkt.ack - isns->server_isn1 >= PW_ANCHOR_WINDOW ||
      run.pkt.seq - isns->client_isn1 >= PW_ANCHOR_WINDOW) {
    return;
  }
  proof.isns = *isns;
  proof.anchored = true;
  if (flow != nullptr) {
    const std::uint32_t by_flow = flow->server_seq - isns->server_isn1;
    if (by_flow <= PW_SPOKEN_MAX) proof.isns.spoken = std::max(isns->spoken, by_flow);
  }
  proof.fresh = run.pkt.ack - isns->server_isn1 <= proof.isns.spoken && run.pkt.has(tcp_flag::kAck);
  proof.first = proof.fresh && run.pkt.seq == isns->client_isn1;
}

pw_flow& KernelTwin::State::create_flow(const Run& run, const Proof& proof) {
  pw_flow flow{};
  flow.created_ns = to_ns(run.now);
  flow.next_seq = run.pkt.seq;
  flow.budget_seq = run.pkt.seq;
  flow.skip_slot = static_cast<std::uint32_t>(proof.hash >> 16) & (PW_SKIP_SLOTS - 1);
  // Never the same twice, as the kernel's is random: a word left over from an earlier connection of
  // the same ports must not match.
  flow.skip_tag = ++next_skip_tag_ != 0 ? next_skip_tag_ : ++next_skip_tag_;
  if (proof.anchored) {
    flow.client_isn1 = proof.isns.client_isn1;
    flow.in_flags |= PW_FLOW_ANCHORED;
  }
  if (proof.first) flow.in_flags |= PW_FLOW_PROVEN;
  // The SYN-ACK acknowledged client_isn+1. Only a packet that acknowledges that SYN-ACK, or what
  // followed it, shows that the slot is of this connection and not of an earlier one.
  if (proof.fresh) {
    flow.server_ack = proof.isns.client_isn1;
    flow.server_seq = proof.isns.server_isn1 + proof.isns.spoken;
    flow.out_flags = PW_FLOW_ACK_SEEN;
  }
  if (const pw_flow* old = flows_.find(run.key)) keep_waiting(flow, *old);
  return flows_.put(run.key, flow);
}

pw_flow* KernelTwin::State::prove(const Run& run, Proof& proof) {
  pw_flow* flow = flows_.find(run.key);
  if (flow != nullptr) {
    twin::follow_server_ack(*flow);
    if (run.pkt.has(tcp_flag::kAck) && twin::is_next(run.pkt, *flow)) {
      proof.kind = Proof::Kind::kNext;
      return flow;
    }
  }
  read_synack(run, flow, proof);
  if (!proof.first) return flow;
  constexpr unsigned kKnown = PW_FLOW_PROVEN | PW_FLOW_ANCHORED;
  if (flow != nullptr && (flow->in_flags & kKnown) == kKnown &&
      flow->client_isn1 == proof.isns.client_isn1) {
    proof.kind = Proof::Kind::kRepeat;
    return flow;
  }
  // Another client ISN than the entry's: a new connection on the same ports.
  proof.kind = Proof::Kind::kNext;
  return &create_flow(run, proof);
}

}  // namespace probewall
