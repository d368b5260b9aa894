// SPDX-License-Identifier: Apache-2.0
#include "core/flow/segment_buffer.hpp"

#include <algorithm>

namespace probewall {
namespace {

constexpr std::int32_t kAckWindow = 64 * 1024;      ///< how far an ACK may run past the segment
constexpr std::int32_t kServerSeqWindow = 1 << 24;  ///< how far the server's sequence may have run

/// Whether an advance from `prev` to `ack` crossed the sequence number `at`.
bool crosses(std::uint32_t prev, std::uint32_t ack, std::uint32_t at) {
  return seq_at_or_before(prev, at) && seq_before(at, ack);
}

/// Notes how far `ack` acknowledges `s` from its start on; true when that is all of it.
bool covers(const ServerAck& ack, const std::uint32_t* contiguous, Segment& s) {
  if (s.origin.time > ack.time) return false;
  const std::int32_t window = seq_distance(s.ack, ack.seq);
  if (window < 0 || window >= kServerSeqWindow) return false;
  // What is proven already needs no second proof: the advance has to cross the rest only.
  std::uint32_t start = s.seq;
  if (contiguous && seq_before(start, *contiguous) && seq_before(*contiguous, s.end())) {
    start = *contiguous;
  }
  const bool begins = crosses(ack.prev_ack, ack.ack, start);
  const bool goes_on = s.acked && crosses(ack.prev_ack, ack.ack, s.acked_to);
  if (!begins && !goes_on) return false;
  s.acked = true;
  s.acked_to = ack.ack;
  const std::int32_t past = seq_distance(s.end(), ack.ack);
  return past >= 0 && past < kAckWindow;
}

}  // namespace

void Segment::trim_front(std::uint32_t n) {
  const auto cut = static_cast<std::uint32_t>(std::min<std::size_t>(n, bytes().size()));
  seq += n;
  wire_len -= std::min(n, wire_len);
  if (owns) {
    copy_start += cut;
  } else {
    borrowed.remove_prefix(cut);
  }
}

Segment Segment::owned() const {
  Segment s = *this;
  if (owns) return s;
  s.copy = std::string{borrowed};
  s.borrowed = {};
  s.copy_start = 0;
  s.owns = true;
  return s;
}

void ReadyBuffer::put(const Segment& segment) {
  const auto at =
      std::upper_bound(segments_.begin(), segments_.end(), segment.seq,
                       [](std::uint32_t seq, const Segment& s) { return seq_before(seq, s.seq); });
  bytes_ += segment.bytes().size();
  segments_.insert(at, segment.owned());
}

bool ReadyBuffer::insert(const Segment& segment, std::uint32_t& lo, std::uint32_t& hi) {
  bool differs = false;
  Segment rest = segment;
  const std::size_t count = segments_.size();
  std::vector<Segment> pieces;
  for (std::size_t i = 0; i < count && !rest.bytes().empty(); ++i) {
    const Segment& other = segments_[i];
    const std::string_view theirs = other.bytes();
    if (seq_at_or_before(other.captured_end(), rest.seq)) continue;
    if (seq_at_or_before(rest.captured_end(), other.seq)) break;
    if (seq_before(rest.seq, other.seq)) {  // the part before `other` is new
      const auto n = static_cast<std::uint32_t>(seq_distance(rest.seq, other.seq));
      Segment piece = rest;
      if (piece.owns) {
        piece.copy.resize(piece.copy_start + n);
      } else {
        piece.borrowed = piece.borrowed.substr(0, n);
      }
      piece.wire_len = n;
      piece.flags &= static_cast<std::uint16_t>(~PW_RECORD_FIN);
      pieces.push_back(std::move(piece));
      rest.trim_front(n);
    }
    const auto offset = static_cast<std::size_t>(seq_distance(other.seq, rest.seq));
    const auto n = std::min(theirs.size() - offset, rest.bytes().size());
    if (theirs.substr(offset, n) != rest.bytes().substr(0, n)) {
      lo = rest.seq;
      hi = rest.seq + static_cast<std::uint32_t>(n);
      differs = true;
    }
    rest.trim_front(static_cast<std::uint32_t>(n));
  }
  for (const Segment& piece : pieces) put(piece);
  if (!rest.bytes().empty()) put(rest);
  return differs;
}

Segment ReadyBuffer::take_front() {
  Segment s = std::move(segments_.front());
  segments_.erase(segments_.begin());
  bytes_ -= s.bytes().size();
  return s;
}

void ReadyBuffer::clear() {
  segments_.clear();
  bytes_ = 0;
}

HeldBuffer::Added HeldBuffer::add(const Segment& segment) {
  for (const Segment& s : segments_) {
    if (s.seq == segment.seq && s.wire_len == segment.wire_len && s.ack == segment.ack &&
        s.bytes() == segment.bytes()) {
      return Added::kDuplicate;
    }
  }
  if (segments_.size() >= kMaxWaitingSegments ||
      bytes_ + segment.bytes().size() > kMaxWaitingBytes) {
    return Added::kFull;
  }
  segments_.push_back(segment.owned());
  bytes_ += segment.bytes().size();
  return Added::kYes;
}

void HeldBuffer::prove(const ServerAck& ack, const std::uint32_t* contiguous,
                       std::vector<Segment>& proven) {
  if (seq_distance(ack.prev_ack, ack.ack) <= 0) return;
  for (std::size_t i = 0; i < segments_.size();) {
    if (!covers(ack, contiguous, segments_[i])) {
      ++i;
      continue;
    }
    Segment s = std::move(segments_[i]);
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
    bytes_ -= s.bytes().size();
    s.origin.proven = true;
    s.origin.proven_time = std::max(s.origin.time, ack.time);
    proven.push_back(std::move(s));
  }
  std::stable_sort(proven.begin(), proven.end(),
                   [](const Segment& a, const Segment& b) { return seq_before(a.seq, b.seq); });
}

std::size_t HeldBuffer::drop_older(Timestamp limit) {
  std::size_t dropped = 0;
  while (!segments_.empty() && segments_.front().origin.time < limit) {
    dropped += segments_.front().bytes().size();
    segments_.erase(segments_.begin());
  }
  bytes_ -= dropped;
  return dropped;
}

std::size_t HeldBuffer::clear() {
  const std::size_t n = bytes_;
  segments_.clear();
  bytes_ = 0;
  return n;
}

}  // namespace probewall
