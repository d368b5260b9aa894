// SPDX-License-Identifier: Apache-2.0
// Unproven segments wait; the server's acknowledgments prove them. The kernel is told what to
// capture.
#include <algorithm>

#include "core/flow/assembler_state.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxHeldBytes = 16u << 20;  ///< all flows together
constexpr std::uint32_t kSegmentRoom = 1460;

}  // namespace

/// Keeps an unproven segment until the server acknowledges it.
void RequestAssembler::State::hold(Flow& flow, const Segment& segment) {
  if (!flow.floating) {
    const std::int64_t behind = seq_distance(segment.end(), flow.expected);
    const std::int64_t ahead = seq_distance(flow.expected, segment.seq);
    const auto body = std::min<std::uint64_t>(flow.stream.body_left(), 1u << 30);
    if (behind >= 0 && behind <= kWindow) return;  // a copy of what is known
    if (behind > kWindow || ahead > kWindow + static_cast<std::int64_t>(body)) {
      lose(Loss::kOutsideWindow, segment.bytes().size());
      return;
    }
  }
  if (held_bytes_ + segment.bytes().size() > kMaxHeldBytes) {
    lose(Loss::kSegmentDropped, 1);
    return;
  }
  switch (flow.held.add(segment)) {
    case HeldBuffer::Added::kDuplicate:
      return;
    case HeldBuffer::Added::kFull:
      lose(Loss::kSegmentDropped, 1);
      return;
    case HeldBuffer::Added::kYes:
      break;
  }
  held_bytes_ += segment.bytes().size();
  if (!flow.in(kHeldQueue)) table_.push_back(flow, kHeldQueue);
  // Rings are read one after another, so the ACK may have come first.
  for (std::size_t i = flow.ack_count; i > 0; --i) {
    const ServerAck ack = flow.acks[i - 1];
    if (ack.time >= segment.origin.time) prove(flow, ack);
  }
}

void RequestAssembler::State::prove(Flow& flow, const ServerAck& ack) {
  if (flow.held.empty()) return;
  const std::size_t before = flow.held.bytes();
  std::vector<Segment> proven = std::move(proven_);
  proven.clear();
  flow.held.prove(ack, flow.floating ? nullptr : &flow.expected, proven);
  held_bytes_ -= before - flow.held.bytes();
  if (flow.held.empty()) table_.remove(flow, kHeldQueue);
  check_batch(flow, proven);
  for (Segment& segment : proven) {
    flow.captured += static_cast<std::uint32_t>(segment.bytes().size());
    accept(flow, std::move(segment));
  }
  if (!proven.empty()) after_bytes(flow);
  proven_ = std::move(proven);
}

/// One ACK may prove both a forged and a true copy; which is which nobody can tell, and the first
/// may complete a request before the second is looked at.
void RequestAssembler::State::check_batch(Flow& flow, const std::vector<Segment>& batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    for (std::size_t j = i + 1; j < batch.size(); ++j) {
      const auto offset = static_cast<std::size_t>(seq_distance(batch[i].seq, batch[j].seq));
      const std::string_view first = batch[i].bytes();
      const std::string_view second = batch[j].bytes();
      if (offset >= first.size()) break;
      const std::size_t n = std::min(first.size() - offset, second.size());
      if (first.substr(offset, n) == second.substr(0, n)) continue;
      note_conflict(flow, batch[j].seq, batch[j].seq + static_cast<std::uint32_t>(n));
    }
  }
}

void RequestAssembler::State::grant(Flow& flow, std::uint32_t resume) {
  sink_.on_skip(flow.skip_slot, flow.skip_tag, resume);
  flow.captured = 0;
  flow.want_grant = false;
}

/// Tells the kernel what it need not capture, or that it may capture on.
void RequestAssembler::State::steer_capture(Flow& flow) {
  if (flow.skip_tag == 0 || flow.floating) return;
  const std::uint32_t cap = config_.bytes_per_request;
  const std::uint64_t unneeded = flow.stream.unneeded();
  if (unneeded == 0) flow.skip_active = false;
  if (unneeded > 0 && flow.stream.may_skip()) {
    if (flow.skip_active && seq_before(flow.expected, flow.skip_resume)) return;
    const std::uint64_t step = std::min<std::uint64_t>(config_.limit_body_bytes, 1u << 30);
    flow.skip_resume = flow.expected + static_cast<std::uint32_t>(std::min(unneeded, step));
    flow.skip_active = true;
    grant(flow, flow.skip_resume);
    return;
  }
  const bool walks = flow.stream.walks() || unneeded > 0;
  if ((walks || flow.want_grant) && flow.captured > cap / 8) {
    grant(flow, flow.expected);
    return;
  }
  // Copies and earlier requests may have used up what the running request needs.
  const RequestDraft* draft = flow.stream.draft();
  if (draft && flow.captured > draft->wire.size() && flow.captured + kSegmentRoom > cap) {
    grant(flow, flow.expected);
  }
}

}  // namespace probewall
