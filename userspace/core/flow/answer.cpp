// SPDX-License-Identifier: Apache-2.0
#include "core/flow/answer.hpp"

#include <algorithm>

#include "core/flow/answer_text.hpp"
#include "core/llm/classify.hpp"
#include "probewall/bytes.hpp"

namespace probewall {
namespace {

constexpr std::size_t kEnough = 768;  ///< what the kernel captures of an answer
constexpr std::size_t kMaxPrefix = 1024;

}  // namespace

void AnswerMatcher::expect(const Expected& request) {
  if (expected_.size() < kMaxExpected && skipped_ == 0) {
    expected_.push_back(request);
  } else {
    ++skipped_;
    ++lost_;
  }
}

bool AnswerMatcher::add(const AnswerPiece& piece) {
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
        piece.bytes.substr(0, kMaxPrefix - std::min(pending_->text.size(), kMaxPrefix));
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
  pending_->text = piece.bytes.substr(offset, kMaxPrefix);
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

/// Whether nothing that rules look at is missing. The body counts as well as the head ("model not
/// found"), however the answer was segmented; a body of unknown length is there with its first
/// byte, unless another answer may follow it.
bool AnswerMatcher::is_whole(int status) const {
  const std::string_view text = pending_->text;
  if (text.size() >= kEnough || pending_->cut) return true;
  const AnswerSize size = measure_answer(text, front_is_head());
  if (size.head == std::string_view::npos) return false;
  if (status == 101) return true;
  if (size.total) return text.size() >= std::min<std::uint64_t>(*size.total, kEnough);
  if (size.chunked && expected_.size() + skipped_ > 1) return false;
  return size.head < text.size();
}

bool AnswerMatcher::match_front() const {
  return !expected_.empty() && expected_.front().begun <= pending_->time;
}

/// Takes the open answer off the front of the captured bytes; what is behind it is open next.
Response AnswerMatcher::cut_front(bool to_head) {
  const auto done = std::exchange(pending_, nullptr);
  const AnswerSize size = measure_answer(done->text, to_head);
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
  r.impl = impl_of_answer(done->text);
  r.head_and_body_prefix = std::move(done->text);
  return r;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::make() {
  Answer out;
  out.request = expected_.front();
  expected_.erase(expected_.begin());
  out.response = cut_front(out.request.to_head);
  out.response.request_id = out.request.request_id;
  return out;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_ready() {
  while (pending_ && pass_interim()) {
    const int status = answer_status(pending_->text);
    if (status == 0 || !is_whole(status)) break;
    if (match_front()) return make();
    if (!expected_.empty() || skipped_ == 0) break;
    --skipped_;
    cut_front(false);
  }
  return std::nullopt;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_now() {
  if (!pending_ || !pass_interim() || answer_status(pending_->text) == 0 || !match_front()) {
    return std::nullopt;
  }
  return make();
}

bool AnswerMatcher::drop_unmatched() {
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
