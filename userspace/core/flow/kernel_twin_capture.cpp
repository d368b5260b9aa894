// SPDX-License-Identifier: Apache-2.0
// Twin of bpf/capture.bpf.h: client segments -> records, within the budgets, minus what user space
// asked to skip.
#include <cstring>
#include <optional>

#include "core/flow/kernel_twin_state.hpp"

namespace probewall {
namespace {

constexpr std::size_t kStartProbe = 12;

enum class Start : std::uint8_t { kOther, kLine, kHttp2, kHeaders };

bool is_headers_frame(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const unsigned length = unsigned{byte(1)} << 8 | byte(2);
  return byte(0) == 0 && length > 0 && length <= 16384 && byte(3) == 1 && !(byte(4) & ~0x2d) &&
         byte(5) < 0x80 && (byte(8) & 1);
}

/// How a payload starts. A line: 3 to 10 capitals, a space, the start of a target. Shorter than any
/// real request line: kOther.
Start start_of(ByteSpan payload) {
  if (payload.size() < kStartProbe) return Start::kOther;
  const std::string_view text = as_text(payload).substr(0, kStartProbe);
  if (text == "PRI * HTTP/2") return Start::kHttp2;
  for (std::size_t i = 0; i + 1 < kStartProbe; ++i) {
    if (text[i] == ' ') {
      const char target = text[i + 1];
      const bool begins = target == '/' || target == '*' || target == 'h' || target == 'H';
      return i >= 3 && begins ? Start::kLine : Start::kOther;
    }
    if (text[i] < 'A' || text[i] > 'Z') break;
  }
  return is_headers_frame(text) ? Start::kHeaders : Start::kOther;
}

bool starts_request(const pw_flow& flow, Start start) {
  return start == Start::kLine || start == Start::kHttp2 ||
         (start == Start::kHeaders && (flow.in_flags & PW_FLOW_HTTP2));
}

/// Could an advance of the server's ACK still prove bytes that end at `end`?
bool can_wait(const pw_flow& flow, std::uint32_t end) {
  if (!(flow.out_flags & PW_FLOW_ACK_SEEN)) return true;
  const std::int32_t ahead = seq_distance(flow.server_ack, end);
  return ahead > 0 && ahead <= static_cast<std::int32_t>(PW_PENDING_WINDOW);
}

void mark_pending(pw_flow& flow, std::uint32_t end) {
  const bool none = flow.pending_count == flow.acked_count;
  if (none || seq_before(flow.pending_end, end)) flow.pending_end = end;
  ++flow.pending_count;
}

/// Bytes of the window that holds the first "HTTP/1.", as bpf/seek.bpf.h steps through them.
std::optional<std::uint32_t> seek_request(std::string_view text) {
  constexpr std::size_t kWindow = 64, kStep = 58, kMost = 576;
  if (text.size() < kWindow) return std::nullopt;
  for (std::size_t i = 0; i < kMost; ++i) {
    const bool last = i * kStep + kWindow >= text.size();
    const std::size_t at = last ? text.size() - kWindow : i * kStep;
    if (text.substr(at, kWindow).find("HTTP/1.") != std::string_view::npos)
      return static_cast<std::uint32_t>(at);
    if (last) break;
  }
  return std::nullopt;
}

}  // namespace

KernelTwin::State::SkipOrder KernelTwin::State::skip_of(const Run& run, const pw_flow& flow) const {
  const std::uint64_t word = skips_[flow.skip_slot];
  if (word >> 32 != flow.skip_tag) return {};
  const auto resume = static_cast<std::uint32_t>(word);
  const std::int32_t ahead = seq_distance(run.pkt.seq, resume);
  if (ahead > 0 && static_cast<std::uint32_t>(ahead) > config_.settings.max_skip) return {};
  return {true, resume};
}

bool KernelTwin::State::cut_skipped(const Run& run, SkipOrder order, Piece& piece) {
  std::uint32_t skipped = 0;
  if (order.valid) {
    const std::int32_t ahead = seq_distance(run.pkt.seq, order.resume);
    if (ahead > 0) skipped = std::min(static_cast<std::uint32_t>(ahead), run.pkt.payload_len);
  }
  piece.seq = run.pkt.seq + skipped;
  piece.off = skipped;
  piece.len = run.pkt.payload_len - skipped;
  if (run.pkt.has(tcp_flag::kFin)) piece.flags |= PW_RECORD_FIN;
  counters_.events[PW_EVENT_SKIPPED_BYTES] += skipped;
  if (piece.len > 0) return true;
  ++counters_.events[PW_EVENT_SKIPPED_PACKETS];
  return false;
}

void KernelTwin::State::emit_piece(const Run& run, const pw_flow& flow, const Piece& piece) {
  pw_record r = record_start(run, flow, PW_RECORD_CAPTURE);
  r.seq = piece.seq;
  r.payload_len = piece.len;
  r.flags |= piece.flags;
  emit(r, run.pkt.payload.subspan(piece.off, piece.cap));
}

void KernelTwin::State::emit_close(const Run& run, const pw_flow& flow, std::uint16_t flags) {
  pw_record r = record_start(run, flow, PW_RECORD_CLOSE);
  r.flags |= flags;
  r.payload_len = run.pkt.payload_len;
  emit(r, {});
}

/// A request that was sent in one go with more than the budget before it. `there`: what is held of
/// the piece. Found: `piece` ends where the result begins.
std::optional<KernelTwin::State::Piece> KernelTwin::State::find_hidden(ByteSpan there,
                                                                       Piece& piece) const {
  constexpr std::uint32_t kMark = 7, kLineMax = 1024;
  const std::uint32_t from = piece.cap > kMark ? piece.cap - kMark : 0;
  if (from > there.size()) return std::nullopt;
  const auto found = seek_request(as_text(there).substr(from));
  if (!found) return std::nullopt;
  const std::uint32_t at = from + *found;
  const std::uint32_t begin = std::max(at > kLineMax ? at - kLineMax : 0, piece.cap);
  Piece hidden = piece;
  hidden.seq += begin;
  hidden.off += begin;
  hidden.len -= begin;
  hidden.cap = std::min(hidden.len, request_budget());
  hidden.flags &= static_cast<std::uint16_t>(~PW_RECORD_RESYNC);
  piece.len = begin;
  piece.flags &= static_cast<std::uint16_t>(~PW_RECORD_FIN);
  return hidden;
}

bool KernelTwin::State::take_proven(Run& run, pw_flow& flow, bool repeat) {
  const PacketView& pkt = run.pkt;
  const bool fin = pkt.has(tcp_flag::kFin);
  const SkipOrder order = skip_of(run, flow);
  Piece piece;
  piece.flags = PW_RECORD_PROVEN;
  // A resume point that this segment reaches grants a new budget, once. Bytes lost before it no
  // longer matter, unless it lies before this segment.
  if (order.valid && seq_before(flow.budget_seq, order.resume) &&
      seq_at_or_before(order.resume, pkt.seq + pkt.payload_len)) {
    twin::grant_budget(flow, order.resume);
    if (seq_at_or_before(pkt.seq, order.resume)) flow.in_flags &= ~PW_FLOW_BUDGET_SPENT;
  }
  if (!cut_skipped(run, order, piece)) {
    twin::advance(pkt, flow);
    if (fin) emit_close(run, flow, PW_RECORD_FIN | PW_RECORD_PROVEN);
    return false;
  }

  const std::size_t held = pkt.payload.size();  // less than payload_len in a cut capture file
  const ByteSpan there = piece.off < held ? pkt.payload.subspan(piece.off) : ByteSpan{};
  const Start start = start_of(there);
  const bool line = starts_request(flow, start);
  const bool opening = (flow.in_flags & PW_FLOW_ANCHORED) && piece.seq == flow.client_isn1;
  const bool grant = line && !repeat;
  const std::uint32_t spent = grant ? 0 : flow.captured;
  const std::uint32_t budget = request_budget();
  piece.cap = std::min(piece.len, budget > spent ? budget - spent : 0);
  if (grant && (flow.in_flags & PW_FLOW_BUDGET_SPENT)) piece.flags |= PW_RECORD_RESYNC;
  std::optional<Piece> hidden;
  if (piece.cap < piece.len && !repeat) hidden = find_hidden(there, piece);

  std::uint32_t left_out = piece.len - piece.cap;
  if (hidden) left_out += hidden->len - hidden->cap;
  const std::uint32_t kept = piece.cap;
  if (hidden) piece.cap += hidden->cap;
  if (rate_limited(run, piece, line || opening || hidden)) return true;
  if (piece.cap > 0) {
    piece.cap = kept;
  } else {
    hidden.reset();
  }
  if (start == Start::kHttp2) flow.in_flags |= PW_FLOW_HTTP2;
  if (grant) {
    twin::grant_budget(flow, piece.seq);
    flow.in_flags &= ~PW_FLOW_BUDGET_SPENT;
  }
  counters_.events[PW_EVENT_OVER_BUDGET_BYTES] += left_out;
  cut_to_held(pkt, piece);
  // All of the flow is settled before the record leaves: what user space answers applies to the
  // next segment, as in the kernel.
  flow.captured += piece.cap;
  if (hidden) {
    cut_to_held(pkt, *hidden);
    twin::grant_budget(flow, hidden->seq);
    flow.captured = hidden->cap;
  }
  if (piece.cap < piece.len || (hidden && hidden->cap < hidden->len))
    flow.in_flags |= PW_FLOW_BUDGET_SPENT;
  twin::advance(pkt, flow);
  if (piece.cap > 0) emit_piece(run, flow, piece);
  if (hidden && hidden->cap > 0) {
    emit_piece(run, flow, *hidden);
  } else if (fin && (hidden || piece.cap == 0)) {
    emit_close(run, flow, PW_RECORD_FIN | PW_RECORD_PROVEN);
  }
  return false;
}

void KernelTwin::State::take_unproven(Run& run, pw_flow* flow, const Proof& proof) {
  Piece piece;
  ++counters_.events[PW_EVENT_UNPROVEN];
  if (!cut_skipped(run, flow != nullptr ? skip_of(run, *flow) : SkipOrder{}, piece)) return;
  const std::uint32_t end = piece.seq + piece.len;
  if (!spend_unproven(run.now)) {
    ++counters_.events[PW_EVENT_UNPROVEN_OVER_SHARE];
    if (flow != nullptr && can_wait(*flow, end)) flow->in_flags |= PW_FLOW_BUDGET_SPENT;
    return;
  }
  if (flow == nullptr) flow = &create_flow(run, proof);
  piece.cap = std::min(piece.len, request_budget());
  counters_.events[PW_EVENT_OVER_BUDGET_BYTES] += piece.len - piece.cap;
  const std::size_t held = run.pkt.payload.size();
  const std::size_t there = piece.off < held ? held - piece.off : 0;
  piece.cap = std::min(piece.cap, static_cast<std::uint32_t>(there));
  if (piece.cap == 0) return;
  if (can_wait(*flow, end)) mark_pending(*flow, end);
  emit_piece(run, *flow, piece);
}

bool KernelTwin::State::take_payload(Run& run) {
  Proof proof;
  pw_flow* flow = prove(run, proof);
  if (proof.kind != Proof::Kind::kNone) {
    return take_proven(run, *flow, proof.kind == Proof::Kind::kRepeat);
  }
  take_unproven(run, flow, proof);
  return false;
}

void KernelTwin::State::take_close(Run& run) {
  pw_flow* flow = flows_.find(run.key);
  if (flow == nullptr) return;
  twin::follow_server_ack(*flow);
  if (!twin::is_next(run.pkt, *flow)) return;
  const bool reset = run.pkt.has(tcp_flag::kRst);
  if (!reset) twin::advance(run.pkt, *flow);
  emit_close(run, *flow, (reset ? PW_RECORD_RST : PW_RECORD_FIN) | PW_RECORD_PROVEN);
}

bool KernelTwin::State::capture(Run& run) {
  const PacketView& pkt = run.pkt;
  if (pkt.has(tcp_flag::kSyn)) {
    if (!pkt.has(tcp_flag::kAck)) ++counters_.events[PW_EVENT_LLM_SYN];
    if (pkt.payload_len > 0) ++counters_.events[PW_EVENT_SYN_WITH_DATA];
    return false;
  }
  if (pkt.has(tcp_flag::kRst)) {  // bytes of a reset are no request
    take_close(run);
    return false;
  }
  if (pkt.payload_len > 0) return take_payload(run);
  if (pkt.has(tcp_flag::kFin)) take_close(run);
  return false;
}

}  // namespace probewall
