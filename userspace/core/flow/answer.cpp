// SPDX-License-Identifier: Apache-2.0
#include "core/flow/answer.hpp"

#include <algorithm>

#include "core/flow/http2_answers.hpp"
#include "probewall/bytes.hpp"

namespace probewall {

AnswerMatcher::AnswerMatcher() = default;
AnswerMatcher::~AnswerMatcher() = default;
AnswerMatcher::AnswerMatcher(AnswerMatcher&&) noexcept = default;
AnswerMatcher& AnswerMatcher::operator=(AnswerMatcher&&) noexcept = default;

void AnswerMatcher::use_http2(Http2Ledger& ledger) {
  if (http2_) return;
  ledger_ = &ledger;
  preface_seen_ = true;
  if (!pending_ && expected_.empty() && skipped_ == 0) begin_http2();
}

std::uint32_t AnswerMatcher::take_lost() {
  return std::exchange(lost_, 0) + (http2_ ? http2_->take_lost() : 0);
}

void AnswerMatcher::drop_http2() {
  if (http2_) lost_ += http2_->take_lost() + http2_->waiting();
  http2_.reset();
  ledger_ = nullptr;
  preface_seen_ = false;
}

/// What follows are frames. Of the requests that wait, those of HTTP/2 are answered in them, and
/// the one that asked for the upgrade, on stream 1 (RFC 7540, section 3.2); the others no more.
void AnswerMatcher::begin_http2() {
  http2_ = std::make_unique<Http2Answers>(*ledger_);
  for (Expected& request : expected_) {
    if (request.h2c) request.stream = 1;
    if (request.stream != 0) {
      http2_->expect(request);
    } else {
      ++lost_;
    }
  }
  expected_.clear();
  skipped_ = 0;
  next_start_.reset();
}

/// The running answer is "101 Switching Protocols" to HTTP/2: what follows it are frames.
bool AnswerMatcher::switch_protocols() {
  if (!ledger_ || answer_status(pending_->text) != 101) return false;
  if (!match_front() || !expected_.front().h2c) return false;
  const auto head = answer_head_end(pending_->text);
  if (head == std::string::npos) return false;
  const auto pending = std::move(pending_);
  begin_http2();
  const auto rest = std::string_view{pending->text}.substr(head);
  const auto seq = pending->seq + static_cast<std::uint32_t>(head);
  http2_->add({pending->time, seq, static_cast<std::uint32_t>(rest.size()), true, rest});
  return true;
}

bool AnswerMatcher::open() const { return pending_ != nullptr || (http2_ && http2_->open()); }

Timestamp AnswerMatcher::open_since() const {
  return pending_ ? pending_->time : http2_->open_since();
}

bool AnswerMatcher::has_expected() const {
  return !expected_.empty() || (http2_ && http2_->has_expected());
}

std::uint64_t AnswerMatcher::take_unread() { return http2_ ? http2_->take_unread() : 0; }

void AnswerMatcher::expect(const Expected& request) {
  if (http2_ && request.stream != 0) {
    http2_->expect(request);
  } else if (expected_.size() < kMaxExpected && skipped_ == 0) {
    expected_.push_back(request);
  } else {
    ++skipped_;
    ++lost_;
  }
}

bool AnswerMatcher::add(const AnswerPiece& piece) {
  // Without the 101 that was to come first: its record was lost.
  const bool frames = piece.start && !looks_like_answer(piece.bytes);
  if (preface_seen_ && !http2_ && !pending_ && frames) begin_http2();
  if (http2_) {
    http2_->add(piece);
    return false;
  }
  if (piece.start) {
    if (any_start_ && piece.seq == last_start_) return false;  // retransmitted
    if (pending_) return true;
    if (next_start_ && seq_before(*next_start_, piece.seq)) lose_answered();
    any_start_ = true;
    last_start_ = piece.seq;
    begin(piece, 0);
  } else if (pending_) {
    if (piece.seq != pending_->next_seq) return false;
    pending_->text +=
        piece.bytes.substr(0, kAnswerPrefix - std::min(pending_->text.size(), kAnswerPrefix));
    pending_->next_seq = piece.seq + piece.wire_len;
    pending_->cut = pending_->cut || piece.bytes.size() < piece.wire_len;
    last_time_ = piece.time;
  } else if (next_start_ && seq_at_or_before(piece.seq, *next_start_)) {
    last_time_ = piece.time;
    const std::uint32_t offset = *next_start_ - piece.seq;
    if (offset < piece.bytes.size()) {
      if (looks_like_answer(piece.bytes.substr(offset))) begin(piece, offset);
    } else if (offset < piece.wire_len) {
      lose_answered();
    }
  }
  return false;
}

/// Opens the answer that lies at `offset` of the piece.
void AnswerMatcher::begin(const AnswerPiece& piece, std::size_t offset) {
  pending_ = std::make_unique<Pending>();
  pending_->text = piece.bytes.substr(offset, kAnswerPrefix);
  pending_->time = last_time_ = piece.time;
  pending_->seq = piece.seq + static_cast<std::uint32_t>(offset);
  pending_->next_seq = piece.seq + piece.wire_len;
  pending_->behind = offset > 0;
  pending_->cut = piece.bytes.size() < piece.wire_len;
}

/// Answers went by unseen: every request that was there by then may be one of theirs.
void AnswerMatcher::lose_answered() {
  const auto end = std::find_if(expected_.begin(), expected_.end(),
                                [this](const Expected& e) { return e.begun > last_time_; });
  lost_ += static_cast<std::uint32_t>(end - expected_.begin());
  expected_.erase(expected_.begin(), end);
  skipped_ = 0;
  next_start_.reset();
}

bool AnswerMatcher::pass_interim() {
  for (;;) {
    const int status = answer_status(pending_->text);
    if (status < 100 || status >= 200 || status == 101) return true;
    const auto end = answer_head_end(pending_->text);
    if (end == std::string::npos) return false;
    pending_->text.erase(0, end);
    pending_->seq += static_cast<std::uint32_t>(end);
    if (pending_->text.empty()) {
      next_start_ = pending_->seq;
      pending_.reset();
      return false;
    }
  }
}

/// Of the open answer, which is to the first request that waits, if any.
AnswerSize AnswerMatcher::measure() const {
  const bool to_head = !expected_.empty() && expected_.front().to_head;
  return measure_answer(pending_->text, to_head);
}

bool AnswerMatcher::is_whole(const AnswerSize& size) const {
  const bool more = expected_.size() + skipped_ > 1;
  return pending_->cut || is_whole_answer(pending_->text, size, more);
}

bool AnswerMatcher::match_front() const {
  return !expected_.empty() && expected_.front().begun <= pending_->time;
}

/// Takes the open answer off the front of the captured bytes; what is behind it is open next.
Response AnswerMatcher::cut_front(const AnswerSize& size) {
  const auto done = std::exchange(pending_, nullptr);
  const std::uint32_t there = done->next_seq - done->seq;
  Response r;
  r.time = done->time;
  r.status = answer_status(done->text);
  r.bytes = there;
  next_start_.reset();
  if (size.total) {
    r.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(there, *size.total));
    next_start_ = done->seq + static_cast<std::uint32_t>(*size.total);
  }
  if (r.bytes < there && r.bytes < done->text.size()) {
    std::string rest = done->text.substr(r.bytes);
    done->text.resize(r.bytes);
    if (looks_like_answer(rest)) {
      pending_ = std::make_unique<Pending>(
          Pending{std::move(rest), done->time, *next_start_, done->next_seq, true, done->cut});
    }
  } else if (r.bytes < there || (done->behind && done->cut && !size.total)) {
    lose_answered();  // on the wire, not captured
  }
  r.head_and_body_prefix = std::move(done->text);
  return r;
}

AnswerMatcher::Answer AnswerMatcher::make(const AnswerSize& size) {
  Answer out;
  out.request = expected_.front();
  expected_.erase(expected_.begin());
  out.response = cut_front(size);
  out.response.request_id = out.request.request_id;
  return out;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_ready() {
  if (http2_) return http2_->take(true);
  while (pending_ && pass_interim()) {
    if (switch_protocols()) return http2_->take(true);
    if (answer_status(pending_->text) == 0) break;
    const AnswerSize size = measure();
    if (!is_whole(size)) break;
    if (match_front()) return make(size);
    if (!expected_.empty() || skipped_ == 0) break;
    --skipped_;
    cut_front(size);
  }
  return std::nullopt;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_now() {
  if (http2_) return http2_->take(false);
  if (!pending_ || !pass_interim() || answer_status(pending_->text) == 0 || !match_front()) {
    return std::nullopt;
  }
  return make(measure());
}

bool AnswerMatcher::drop_unmatched() {
  if (http2_) return http2_->drop_unmatched();
  if (!pending_) return false;
  if (!pass_interim()) {
    pending_.reset();
    return false;
  }
  const auto before = lost_;
  if (pending_->behind && pending_->cut) lose_answered();
  pending_.reset();
  return lost_ == before;
}

}  // namespace probewall
