// SPDX-License-Identifier: Apache-2.0
#include "core/flow/answer.hpp"

#include <algorithm>

#include "core/flow/answer_text.hpp"
#include "core/flow/http2_answers.hpp"
#include "core/llm/classify.hpp"
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
  if (!pending_ && expected_.empty()) begin_http2();
}

void AnswerMatcher::drop_http2() {
  http2_.reset();
  ledger_ = nullptr;
  preface_seen_ = false;
}

void AnswerMatcher::begin_http2() {
  http2_ = std::make_unique<Http2Answers>(*ledger_);
  // The request that asked for the upgrade is answered on stream 1 (RFC 7540, section 3.2).
  for (Expected& request : expected_) {
    request.stream = 1;
    if (request.h2c) http2_->expect(request);
  }
  expected_.clear();
}

/// The running answer is "101 Switching Protocols" to HTTP/2: what follows it are frames.
bool AnswerMatcher::switch_protocols() {
  if (!ledger_ || status_of(pending_->text) != 101) return false;
  if (!match_front() || !expected_.front().h2c) return false;
  const auto head = answer_head_end(pending_->text);
  if (head == std::string::npos) return false;
  const auto pending = std::move(pending_);
  begin_http2();
  const auto rest = std::string_view{pending->text}.substr(head);
  const auto seq = pending->first_seq + static_cast<std::uint32_t>(head);
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
    return;
  }
  if (expected_.size() >= kMaxExpected) expected_.erase(expected_.begin());
  expected_.push_back(request);
}

bool AnswerMatcher::add(const AnswerPiece& piece) {
  // Without the 101 that was to come first: its record was lost.
  const bool frames = piece.start && piece.bytes.substr(0, 5) != "HTTP/";
  if (preface_seen_ && !http2_ && !pending_ && frames) begin_http2();
  if (http2_) {
    http2_->add(piece);
    return false;
  }
  if (piece.start) {
    if (any_start_ && piece.seq == last_start_) return false;  // retransmitted
    if (pending_) return true;
    pending_ = std::make_unique<Pending>();
    pending_->time = piece.time;
    any_start_ = true;
    last_start_ = pending_->first_seq = piece.seq;
  } else if (!pending_ || piece.seq != pending_->next_seq) {
    return false;
  }
  pending_->text +=
      piece.bytes.substr(0, kAnswerPrefix - std::min(pending_->text.size(), kAnswerPrefix));
  pending_->bytes += piece.wire_len;
  pending_->next_seq = piece.seq + piece.wire_len;
  return false;
}

bool AnswerMatcher::pass_interim() {
  for (;;) {
    const int status = status_of(pending_->text);
    if (status < 100 || status >= 200 || status == 101) return true;
    const auto end = answer_head_end(pending_->text);
    if (end == std::string::npos) return false;
    pending_->text.erase(0, end);
    pending_->first_seq += static_cast<std::uint32_t>(end);
    if (pending_->text.empty()) {
      pending_.reset();
      return false;
    }
  }
}

bool AnswerMatcher::match_front() {
  return !expected_.empty() && expected_.front().begun <= pending_->time;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::make() {
  Answer out;
  out.request = expected_.front();
  expected_.erase(expected_.begin());
  Response& r = out.response;
  r.request_id = out.request.request_id;
  r.time = pending_->time;
  r.status = status_of(pending_->text);
  r.bytes = pending_->bytes;
  r.impl = impl_of_answer(pending_->text);
  r.head_and_body_prefix = std::move(pending_->text);
  pending_.reset();
  return out;
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_ready() {
  if (http2_) return http2_->take(true);
  if (!pending_ || !pass_interim()) return std::nullopt;
  if (switch_protocols()) return http2_->take(true);
  const int status = status_of(pending_->text);
  if (status == 0 || !is_whole_answer(pending_->text, status) || !match_front())
    return std::nullopt;
  return make();
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_now() {
  if (http2_) return http2_->take(false);
  if (!pending_ || !pass_interim() || status_of(pending_->text) == 0 || !match_front()) {
    return std::nullopt;
  }
  return make();
}

bool AnswerMatcher::drop_unmatched() {
  if (http2_) return http2_->drop_unmatched();
  if (!pending_) return false;
  const bool interim = !pass_interim();
  pending_.reset();
  return !interim;
}

}  // namespace probewall
