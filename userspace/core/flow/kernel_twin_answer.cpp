// SPDX-License-Identifier: Apache-2.0
// Twin of bpf/answer.bpf.h: what the server's own packets prove and say.
#include "core/flow/kernel_twin_state.hpp"

namespace probewall {
namespace {

/// Any HTTP/2 frame but DATA.
bool starts_answer_frame(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  return byte(0) == 0 && byte(1) <= 0x40 && byte(3) >= 1 && byte(3) <= 9 && byte(5) < 0x80;
}

bool starts_response(const PacketView& pkt, const pw_flow& flow) {
  const std::string_view text = as_text(pkt.payload);
  if (text.substr(0, 7) == "HTTP/1.") return true;
  return (flow.in_flags & PW_FLOW_HTTP2) && text.size() >= 9 && starts_answer_frame(text);
}

}  // namespace

/// Where a flow of these ports is known, it ends here: its ACK tracking starts over from this
/// handshake, or two forged handshakes could have their difference counted as an advance.
void KernelTwin::State::take_synack(const Run& run) {
  synacks_.store(synacks_.hash(run.key), {run.pkt.seq + 1, run.pkt.ack, 0});
  ++counters_.events[PW_EVENT_SYNACK_STORED];
  pw_flow* flow = flows_.find(run.key);
  if (flow == nullptr) return;
  flow->server_ack = run.pkt.ack;
  flow->server_seq = run.pkt.seq + 1;
  flow->response_left = 0;
  flow->acked_count = flow->pending_count;
  flow->out_flags = PW_FLOW_ACK_SEEN;
}

void KernelTwin::State::report_ack(const Run& run, pw_flow& flow, std::uint32_t prev) {
  if (flow.pending_count == flow.acked_count) return;
  if (seq_at_or_before(flow.pending_end, run.pkt.ack)) flow.acked_count = flow.pending_count;
  pw_record r = record_start(run, flow, PW_RECORD_ACK);
  r.prev_ack = prev;
  r.flags |= PW_RECORD_FROM_SERVER;
  emit(r, {});
}

/// The first ACK of a flow whose handshake was not seen, and one that jumps further than any
/// window, are only a new baseline.
void KernelTwin::State::track_ack(const Run& run, pw_flow& flow) {
  const std::uint32_t prev = flow.server_ack;
  const std::int32_t step = seq_distance(prev, run.pkt.ack);
  constexpr auto kMax = static_cast<std::int32_t>(PW_ACK_ADVANCE_MAX);
  if (!(flow.out_flags & PW_FLOW_ACK_SEEN) || step > kMax || step < -kMax) {
    flow.server_ack = run.pkt.ack;
    flow.server_seq = run.pkt.seq;
    flow.out_flags = PW_FLOW_ACK_SEEN;
  } else if (step > 0) {
    flow.server_ack = run.pkt.ack;
    flow.out_flags = PW_FLOW_ACK_SEEN | PW_FLOW_ACK_ADVANCED;
    report_ack(run, flow, prev);
  }
}

void KernelTwin::State::take_response(const Run& run, pw_flow& flow) {
  std::uint16_t flags = PW_RECORD_FROM_SERVER;
  std::uint32_t left = flow.response_left;
  if (starts_response(run.pkt, flow)) {
    left = PW_RESPONSE_CAPTURE;
    flags |= PW_RECORD_RESPONSE_START;
  }
  if (left == 0) return;
  const std::uint32_t cap = std::min(run.pkt.payload_len, left);
  flow.response_left = left - cap;
  pw_record r = record_start(run, flow, PW_RECORD_RESPONSE);
  r.flags |= flags;
  r.payload_len = run.pkt.payload_len;
  emit(r, run.pkt.payload.first(std::min<std::size_t>(cap, run.pkt.payload.size())));
}

/// On a flow with neither proof nor bytes that wait for it, a close tells user space nothing, and
/// forged packets could evoke any number of resets: reported once per waiting segment there.
void KernelTwin::State::take_server_close(const Run& run, pw_flow& flow) {
  const bool proven = (flow.in_flags & PW_FLOW_PROVEN) || (flow.out_flags & PW_FLOW_ACK_ADVANCED);
  if (!proven) {
    if (flow.pending_count == flow.acked_count) return;
    flow.acked_count = flow.pending_count;
  }
  pw_record r = record_start(run, flow, PW_RECORD_CLOSE);
  r.payload_len = run.pkt.payload_len;
  r.flags |= PW_RECORD_FROM_SERVER;
  r.flags |= run.pkt.has(tcp_flag::kRst) ? PW_RECORD_RST : PW_RECORD_FIN;
  emit(r, {});
}

void KernelTwin::State::take_answer(const Run& run, pw_flow& flow) {
  const PacketView& pkt = run.pkt;
  if (!pkt.has(tcp_flag::kRst)) {
    if (pkt.has(tcp_flag::kAck)) track_ack(run, flow);
    // A retransmission says nothing new.
    const bool fresh = seq_at_or_before(flow.server_seq, pkt.seq);
    if (pkt.payload_len > 0 && fresh) take_response(run, flow);
    const std::uint32_t next = pkt.seq + pkt.payload_len + twin::fin_length(pkt);
    if (seq_before(flow.server_seq, next)) flow.server_seq = next;
  }
  if (pkt.has(tcp_flag::kFin) || pkt.has(tcp_flag::kRst)) take_server_close(run, flow);
}

}  // namespace probewall
