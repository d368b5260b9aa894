// SPDX-License-Identifier: Apache-2.0
// From captured segments to contiguous proven bytes.
#include <algorithm>

#include "core/flow/assembler_state.hpp"
#include "core/http/http2_frames.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxFloating = 4;  ///< segments kept while no request line is found
constexpr std::size_t kMaxHttp2Bytes = 64u << 20;

}  // namespace

/// Takes a segment whose bytes count.
void RequestAssembler::State::accept(Flow& flow, Segment segment) {
  if (segment.anchored && flow.anchored && segment.isn1 != flow.isn1) restart(flow);
  if (!flow.accepted) {
    flow.accepted = true;
    ++flows_total_;
    table_.age_in(flow, kActiveQueue);
  }
  if (segment.anchored && !flow.anchored) anchor(flow, segment);
  if (flow.floating) {
    buffer(flow, segment);
    try_anchor(flow);
    return;
  }
  place(flow, std::move(segment));
}

void RequestAssembler::State::anchor(Flow& flow, const Segment& segment) {
  flow.anchored = true;
  flow.isn1 = segment.isn1;
  // Joined in mid-connection: the beginning is not coming any more.
  const bool began_elsewhere = !flow.floating || flow.stream.lost() || flow.requests > 0;
  const std::int32_t into = seq_distance(segment.isn1, segment.seq);
  if (began_elsewhere || into > kWindow || into < -kWindow) return;
  flow.floating = false;
  flow.expected = segment.isn1;
  drain(flow);
}

/// Puts a segment where it belongs relative to the expected byte.
void RequestAssembler::State::place(Flow& flow, Segment segment) {
  std::int32_t ahead = seq_distance(flow.expected, segment.seq);
  if (ahead < 0) {
    const auto behind = static_cast<std::uint32_t>(-static_cast<std::int64_t>(ahead));
    const auto old = std::min<std::size_t>(behind, segment.bytes().size());
    const bool before_first = flow.anchored && flow.expected == flow.isn1;
    if (behind > static_cast<std::uint32_t>(kWindow) || before_first) {
      lose(Loss::kOutsideWindow, old);
    } else {
      check_overlap(flow, segment, segment.bytes().substr(0, old));
    }
    if (old == segment.bytes().size()) return;
    segment.trim_front(behind);
    ahead = 0;
  }
  if (ahead > 0 && !pass_gap_to(flow, segment)) return;
  if (flow.floating) {
    buffer(flow, segment);
    try_anchor(flow);
    return;
  }
  if (flow.ready.empty()) {
    consume(flow, segment);
  } else {
    buffer(flow, segment);  // goes through the overlap check
  }
  drain(flow);
}

/// The segment lies ahead. True when the bytes between are known to be of no interest or lost, so
/// that the stream now stands at the segment; false when the segment was put aside to wait.
bool RequestAssembler::State::pass_gap_to(Flow& flow, const Segment& segment) {
  Context context{*this, flow};
  auto ahead = static_cast<std::uint64_t>(seq_distance(flow.expected, segment.seq));
  if (const std::uint64_t unneeded = flow.stream.unneeded(); unneeded > 0) {
    const std::uint64_t passed = std::min(unneeded, ahead);
    flow.stream.gap(passed, context);
    flow.expected += static_cast<std::uint32_t>(passed);
    ahead -= passed;
    if (ahead == 0) return true;
  }
  const bool hopeless =
      segment.has(PW_RECORD_RESYNC) || ahead > static_cast<std::uint64_t>(kWindow);
  if (!hopeless) {
    buffer(flow, segment);
    if (flow.ready.over_bound()) give_up_gap(flow);
    return false;
  }
  lose(Loss::kGapBytes, ahead);
  flow.ready.clear();
  table_.remove(flow, kReadyQueue);
  if (!flow.stream.gap(ahead, context)) {
    flow.floating = true;
    return true;
  }
  flow.expected = segment.seq;
  return true;
}

/// Feeds a segment that begins at the expected byte.
void RequestAssembler::State::consume(Flow& flow, const Segment& segment) {
  Context context{*this, flow};
  const std::string_view bytes = segment.bytes();
  flow.stream.feed(bytes, flow.expected, segment.origin, context);
  flow.expected += static_cast<std::uint32_t>(bytes.size());
  if (flow.stream.lost()) flow.floating = true;
  if (segment.wire_len > bytes.size()) {
    // The kernel cut this segment: the rest comes from nowhere, unless a copy of it waits already.
    std::uint64_t missing = segment.wire_len - bytes.size();
    if (!flow.ready.empty()) {
      const std::int32_t next = seq_distance(flow.expected, flow.ready.front().seq);
      missing = std::min<std::uint64_t>(missing, static_cast<std::uint32_t>(std::max(next, 0)));
    }
    const bool wanted =
        flow.stream.unneeded() < missing && flow.stream.phase() != RequestStream::Phase::kIgnored;
    if (wanted) lose(Loss::kGapBytes, missing);
    if (missing > 0 && !flow.stream.gap(missing, context)) flow.floating = true;
    flow.expected += static_cast<std::uint32_t>(missing);
  }
  if (segment.has(PW_RECORD_FIN)) {
    flow.fin_known = true;
    flow.fin_seq = segment.end();
  }
  if (flow.fin_known && (flow.floating || flow.expected == flow.fin_seq)) client_finished(flow);
}

/// Feeds what waited for the bytes that have come.
void RequestAssembler::State::drain(Flow& flow) {
  while (!flow.ready.empty() && !flow.floating) {
    const std::int32_t ahead = seq_distance(flow.expected, flow.ready.front().seq);
    if (ahead > 0) break;
    Segment segment = flow.ready.take_front();
    const auto old = static_cast<std::uint32_t>(-static_cast<std::int64_t>(ahead));
    if (old > 0) {
      check_overlap(flow, segment, segment.bytes().substr(0, old));
      if (old >= segment.bytes().size()) continue;
      segment.trim_front(old);
    }
    consume(flow, segment);
  }
  if (flow.ready.empty()) {
    table_.remove(flow, kReadyQueue);
  } else if (flow.floating) {
    try_anchor(flow);
  }
}

void RequestAssembler::State::buffer(Flow& flow, const Segment& segment) {
  std::uint32_t lo = 0, hi = 0;
  if (flow.ready.insert(segment, lo, hi)) note_conflict(flow, lo, hi);
  if (flow.ready.empty()) return;
  if (!flow.in(kReadyQueue)) {
    flow.ready_since = now_;
    table_.push_back(flow, kReadyQueue);
  }
}

/// The missing bytes are not coming: goes on behind them.
void RequestAssembler::State::give_up_gap(Flow& flow) {
  if (flow.ready.empty()) return;
  if (!flow.floating) {
    Context context{*this, flow};
    const std::int32_t ahead = std::max(seq_distance(flow.expected, flow.ready.front().seq), 0);
    if (flow.stream.unneeded() < static_cast<std::uint64_t>(ahead)) {
      lose(Loss::kGapBytes, static_cast<std::uint64_t>(ahead));
    }
    if (flow.stream.gap(static_cast<std::uint64_t>(ahead), context)) {
      flow.expected += static_cast<std::uint32_t>(ahead);
    } else {
      flow.floating = true;
    }
  }
  if (flow.floating) {
    try_anchor(flow);
  } else {
    drain(flow);
  }
  if (flow.ready.empty()) return;
  flow.ready_since = now_;
  table_.push_back(flow, kReadyQueue);
}

/// Looks for a segment with which parsing can begin (again).
void RequestAssembler::State::try_anchor(Flow& flow) {
  if (flow.stream.phase() == RequestStream::Phase::kIgnored) {
    flow.ready.clear();
    table_.remove(flow, kReadyQueue);
    return;
  }
  std::size_t i = 0;
  while (i < flow.ready.size() && !flow.stream.resumes_at(flow.ready.at(i).bytes(),
                                                          flow.ready.at(i).has(PW_RECORD_RESYNC))) {
    ++i;
  }
  if (i == flow.ready.size()) {
    note_unseen_http2(flow);
    while (flow.ready.size() > kMaxFloating) {
      flow.ready.take_front();
      lose(Loss::kSegmentDropped, 1);
    }
    return;
  }
  lose(Loss::kSegmentDropped, i);
  for (; i > 0; --i) flow.ready.take_front();
  flow.floating = false;
  flow.expected = flow.ready.front().seq;
  flow.stream.resync(flow.stream.lost());
  drain(flow);
}

/// A connection whose beginning was not seen: its header table is not known, so that it cannot be
/// judged. Counted once.
void RequestAssembler::State::note_unseen_http2(Flow& flow) {
  const bool begun = flow.requests > 0 || flow.in(kHttp2Queue) || flow.http2_unseen;
  if (begun || !looks_like_headers_frame(flow.ready.at(flow.ready.size() - 1).bytes())) return;
  flow.http2_unseen = true;
  lose(Loss::kHttp2, 1);
}

void RequestAssembler::State::check_overlap(Flow& flow, const Segment& segment,
                                            std::string_view bytes) {
  if (flow.stream.check_overlap(segment.seq, bytes)) lose(Loss::kConflictingOverlap, 1);
}

void RequestAssembler::State::note_conflict(Flow& flow, std::uint32_t lo, std::uint32_t hi) {
  lose(Loss::kConflictingOverlap, 1);
  flow.conflict_lo = flow.conflict && seq_before(flow.conflict_lo, lo) ? flow.conflict_lo : lo;
  flow.conflict_hi = flow.conflict && seq_before(hi, flow.conflict_hi) ? flow.conflict_hi : hi;
  flow.conflict = true;
}

void RequestAssembler::State::client_finished(Flow& flow) {
  Context context{*this, flow};
  flow.stream.finish(Ending::kTruncated, context);
}

void RequestAssembler::State::after_bytes(Flow& flow) {
  if (!flow.stream.has_draft()) table_.remove(flow, kRequestQueue);
  settle_answers(flow);
  steer_capture(flow);
  if (flow.in(kHttp2Queue)) bound_http2(flow);
}

/// All HTTP/2 connections together have a bound; those least recently used give way.
void RequestAssembler::State::bound_http2(Flow& used) {
  table_.push_back(used, kHttp2Queue);
  while (http2_.bytes > kMaxHttp2Bytes) {
    Flow& oldest = *table_.front(kHttp2Queue);
    Context context{*this, oldest};
    oldest.stream.drop_http2(context);
    oldest.answers.drop_http2();
    lose(Loss::kResponseUnmatched, oldest.answers.take_lost());
    table_.remove(oldest, kHttp2Queue);
    table_.remove(oldest, kRequestQueue);
    if (&oldest == &used) return;
  }
}

}  // namespace probewall
