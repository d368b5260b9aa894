// SPDX-License-Identifier: Apache-2.0
#include "core/flow/http2_answers.hpp"

#include <algorithm>

#include "core/flow/answer_text.hpp"
#include "probewall/bytes.hpp"

namespace probewall {
namespace {

/// What a connection, and one answer, cost at most beside the compression state.
constexpr std::size_t kConnectionCost = 2048;
constexpr std::size_t kExchangeCost = 1536;

/// `text` as part of a header line.
void append_line_part(std::string& out, std::string_view text) {
  for (const char c : text.substr(0, kAnswerPrefix - std::min(out.size(), kAnswerPrefix))) {
    out += static_cast<unsigned char>(c) < ' ' && c != '\t' ? ' ' : c;
  }
}

}  // namespace

Http2Answers::Http2Answers(Http2Ledger& ledger) : ledger_(ledger), fields_reader_(ledger) {
  account();
}

Http2Answers::~Http2Answers() { ledger_.bytes -= cost_; }

/// Brings the ledger up to date.
void Http2Answers::account() {
  ledger_.bytes -= cost_;
  cost_ = kConnectionCost + exchanges_.size() * kExchangeCost;
  ledger_.bytes += cost_;
}

Http2Answers::Exchange* Http2Answers::find(std::uint32_t stream) {
  for (Exchange& e : exchanges_) {
    if (e.request.stream == stream) return &e;
  }
  return nullptr;
}

Http2Answers::Exchange& Http2Answers::find_or_add(std::uint32_t stream) {
  if (Exchange* known = find(stream)) return *known;
  if (exchanges_.size() >= kMaxExchanges) {
    lost_ += exchanges_.front().claimed();
    exchanges_.erase(exchanges_.begin());
  }
  exchanges_.emplace_back().request.stream = stream;
  return exchanges_.back();
}

void Http2Answers::erase(std::uint32_t stream) {
  std::erase_if(exchanges_, [&](const Exchange& e) { return e.request.stream == stream; });
}

std::uint32_t Http2Answers::waiting() const {
  const auto claimed = [](const Exchange& e) { return e.claimed(); };
  return static_cast<std::uint32_t>(std::count_if(exchanges_.begin(), exchanges_.end(), claimed));
}

void Http2Answers::expect(const AnswerMatcher::Expected& request) {
  find_or_add(request.stream).request = request;
  account();
}

/// A server without HTTP/2 refuses the preface in HTTP/1 and closes: that answers the client's
/// first stream, which nearly all number 1.
bool Http2Answers::add_refusal(std::string_view bytes) {
  if (!any_piece_ && looks_like_answer(bytes)) refused_ = answer_status(bytes) >= 400;
  if (!refused_) return false;
  Exchange& e = find_or_add(1);
  if (!e.begun) e.time = now_;
  e.begun = e.ended = true;
  e.bytes += static_cast<std::uint32_t>(bytes.size());
  e.text += bytes.substr(0, kAnswerPrefix - std::min(e.text.size(), kAnswerPrefix));
  account();
  return true;
}

void Http2Answers::add(const AnswerPiece& piece) {
  std::string_view bytes = piece.bytes;
  now_ = piece.time;
  const std::int32_t ahead = any_piece_ ? seq_distance(next_seq_, piece.seq) : 0;
  if (ahead < 0) {  // a copy of what is known
    const auto old = static_cast<std::size_t>(-static_cast<std::int64_t>(ahead));
    if (old >= bytes.size()) return;
    bytes.remove_prefix(old);
  }
  if (add_refusal(bytes)) {
    any_piece_ = true;
    next_seq_ = piece.seq + static_cast<std::uint32_t>(piece.bytes.size());
    return;
  }
  if (ahead > 0 && in_step_) {
    in_step_ = frames_.gap(static_cast<std::uint32_t>(ahead), *this);
    if (!in_step_ && frames_.in_block()) table_ok_ = false;
  }
  any_piece_ = true;
  next_seq_ = piece.seq + static_cast<std::uint32_t>(piece.bytes.size());
  if (!in_step_) {
    if (!piece.start) return;
    frames_.reset(false);
    in_step_ = resumed_ = true;
  }
  if (frames_.feed(bytes, *this) != FrameReader::Result::kMore) {
    in_step_ = table_ok_ = false;
    ++unread_;
  }
  account();
}

/// After lost bytes: whether no other answer can have begun in them.
bool Http2Answers::only_unanswered(std::uint32_t stream) const {
  return std::all_of(exchanges_.begin(), exchanges_.end(),
                     [&](const Exchange& e) { return e.begun || e.request.stream == stream; });
}

bool Http2Answers::on_block_begun(const FrameHeader& frame, bool promised) {
  if (resumed_) {
    if (!table_ok_ || !only_unanswered(frame.stream)) fields_reader_.reset();
    table_ok_ = true;
    resumed_ = false;
  }
  head_.clear();
  block_lost_ = false;
  block_stream_ = promised ? 0 : frame.stream;
  return true;
}

bool Http2Answers::on_block(std::string_view bytes) {
  if (!block_lost_) block_lost_ = !fields_reader_.feed(bytes, *this);
  return true;
}

void Http2Answers::on_field(std::string_view name, std::string_view value) {
  if (block_stream_ == 0) return;
  if (name == ":status") {
    head_ = "HTTP/2 ";
    append_line_part(head_, value.substr(0, 3));
    head_ += "\r\n";
  } else if (!head_.empty() && head_.size() + 4 < kAnswerPrefix) {
    append_line_part(head_, name);
    head_ += ": ";
    append_line_part(head_, value);
    head_ += "\r\n";
  }
}

bool Http2Answers::on_block_ended() {
  if (!block_lost_) block_lost_ = !fields_reader_.end(*this);
  if (block_lost_) {
    fields_reader_.reset();
    ++unread_;
    erase(block_stream_);
    return true;
  }
  const int status = answer_status(head_);
  // Trailers have no status, and an interim answer is followed by the answer.
  if (block_stream_ == 0 || status < 200) return true;
  Exchange& e = find_or_add(block_stream_);
  if (e.begun) return true;
  e.begun = true;
  e.time = now_;
  e.text = head_ + "\r\n";
  e.bytes = static_cast<std::uint32_t>(e.text.size());
  return true;
}

void Http2Answers::on_data(std::uint32_t stream, std::string_view bytes) {
  Exchange* e = find(stream);
  if (!e || !e->begun) return;
  e->bytes += static_cast<std::uint32_t>(bytes.size());
  e->text += bytes.substr(0, kAnswerPrefix - std::min(e->text.size(), kAnswerPrefix));
}

void Http2Answers::on_stream_ended(std::uint32_t stream) {
  Exchange* e = find(stream);
  if (e) e->ended = true;
}

void Http2Answers::on_reset(std::uint32_t stream) {
  Exchange* e = find(stream);
  if (!e) return;
  e->ended = true;
  if (!e->begun) erase(stream);
}

std::optional<AnswerMatcher::Answer> Http2Answers::take(bool whole) {
  for (Exchange& e : exchanges_) {
    if (!e.begun || !e.claimed()) continue;
    if (whole && !e.ended) {
      const AnswerSize size = measure_answer(e.text, e.request.to_head);
      if (!is_whole_answer(e.text, size, false)) continue;
    }
    AnswerMatcher::Answer out;
    out.request = e.request;
    out.response.request_id = e.request.request_id;
    out.response.time = e.time;
    out.response.status = answer_status(e.text);
    out.response.bytes = e.bytes;
    out.response.head_and_body_prefix = std::move(e.text);
    out.response.head_and_body_prefix.resize(
        std::min(out.response.head_and_body_prefix.size(), kAnswerPrefix));
    erase(out.request.stream);
    account();
    return out;
  }
  return std::nullopt;
}

bool Http2Answers::drop_unmatched() {
  const auto dropped = std::erase_if(exchanges_, [](const Exchange& e) { return !e.claimed(); });
  account();
  return dropped > 0;
}

bool Http2Answers::open() const {
  return std::any_of(exchanges_.begin(), exchanges_.end(),
                     [](const Exchange& e) { return e.begun; });
}

Timestamp Http2Answers::open_since() const {
  Timestamp oldest = now_;
  for (const Exchange& e : exchanges_) {
    if (e.begun) oldest = std::min(oldest, e.time);
  }
  return oldest;
}

bool Http2Answers::has_expected() const {
  return std::any_of(exchanges_.begin(), exchanges_.end(),
                     [](const Exchange& e) { return e.claimed() && !e.begun; });
}

}  // namespace probewall
