// SPDX-License-Identifier: Apache-2.0
#include "core/flow/answer.hpp"

#include <algorithm>

#include "core/http/text.hpp"
#include "core/llm/classify.hpp"
#include "probewall/bytes.hpp"

namespace probewall {
namespace {

constexpr std::size_t kEnough = 768;  ///< what the kernel captures of an answer
constexpr std::size_t kMaxPrefix = 1024;

/// The code in "HTTP/1.1 200"; 0 while it is not all there or is none.
int status_of(std::string_view text) {
  if (text.size() < 12 || text.substr(0, 5) != "HTTP/") return 0;
  const auto space = text.find(' ');
  if (space == std::string_view::npos || space + 4 > text.size()) return 0;
  int code = 0;
  for (const char c : text.substr(space + 1, 3)) {
    if (c < '0' || c > '9') return 0;
    code = code * 10 + (c - '0');
  }
  return code >= 100 ? code : 0;
}

/// Offset after the blank line; npos when it is not there.
std::size_t head_end(std::string_view text) {
  const auto crlf = text.find("\r\n\r\n");
  if (crlf != std::string_view::npos) return crlf + 4;
  const auto lf = text.find("\n\n");
  return lf == std::string_view::npos ? lf : lf + 2;
}

/// The Content-Length of a whole head; nullopt without one. At most kEnough: more is not waited
/// for.
std::optional<std::size_t> declared_body(std::string_view head) {
  constexpr std::string_view kName = "\ncontent-length:";
  const auto at = std::search(head.begin(), head.end(), kName.begin(), kName.end(),
                              [](char a, char b) { return ascii_lower(a) == b; });
  if (at == head.end()) return std::nullopt;
  const auto digits =
      trim_blank(head.substr(static_cast<std::size_t>(at - head.begin()) + kName.size()));
  std::size_t length = 0;
  for (std::size_t i = 0; i < digits.size() && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    length = std::min(kEnough, length * 10 + static_cast<std::size_t>(digits[i] - '0'));
  }
  return length;
}

/// Whether nothing that rules look at is missing. The body counts as well as the head ("model not
/// found"), however the answer was segmented; a body of unknown length is there with its first
/// byte.
bool is_whole(std::string_view text, int status) {
  if (text.size() >= kEnough) return true;
  const auto body = head_end(text);
  if (body == std::string_view::npos) return false;
  if (status == 204 || status == 304 || status == 101) return true;
  if (const auto length = declared_body(text.substr(0, body))) return text.size() - body >= *length;
  return body < text.size();
}

}  // namespace

void AnswerMatcher::expect(const Expected& request) {
  if (expected_.size() >= kMaxExpected) expected_.erase(expected_.begin());
  expected_.push_back(request);
}

bool AnswerMatcher::add(const AnswerPiece& piece) {
  if (piece.start) {
    if (any_start_ && piece.seq == last_start_) return false;  // retransmitted
    if (pending_) return true;
    pending_ = std::make_unique<Pending>();
    pending_->time = piece.time;
    any_start_ = true;
    last_start_ = piece.seq;
  } else if (!pending_ || piece.seq != pending_->next_seq) {
    return false;
  }
  pending_->text += piece.bytes.substr(0, kMaxPrefix - std::min(pending_->text.size(), kMaxPrefix));
  pending_->bytes += piece.wire_len;
  pending_->next_seq = piece.seq + piece.wire_len;
  return false;
}

bool AnswerMatcher::pass_interim() {
  for (;;) {
    const int status = status_of(pending_->text);
    if (status < 100 || status >= 200 || status == 101) return true;
    const auto end = head_end(pending_->text);
    if (end == std::string::npos) return false;
    pending_->text.erase(0, end);
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
  if (!pending_ || !pass_interim()) return std::nullopt;
  const int status = status_of(pending_->text);
  if (status == 0 || !is_whole(pending_->text, status) || !match_front()) return std::nullopt;
  return make();
}

std::optional<AnswerMatcher::Answer> AnswerMatcher::take_now() {
  if (!pending_ || !pass_interim() || status_of(pending_->text) == 0 || !match_front()) {
    return std::nullopt;
  }
  return make();
}

bool AnswerMatcher::drop_unmatched() {
  if (!pending_) return false;
  const bool interim = !pass_interim();
  pending_.reset();
  return !interim;
}

}  // namespace probewall
