// SPDX-License-Identifier: Apache-2.0
#include "core/flow/http2_requests.hpp"

#include <algorithm>
#include <utility>

#include "core/http/request_parser.hpp"
#include "probewall/bytes.hpp"

namespace probewall {
namespace {

/// Room for pseudo-headers beside what a head keeps.
constexpr std::size_t kMaxFields = kMaxHeaders + 8;

/// What one connection, and one unfinished request, cost at most beside the compression state. The
/// recent bytes are kept only while something is unfinished.
constexpr std::size_t kConnectionCost = 1024;
std::size_t draft_cost(std::size_t cap) { return 4 * cap + 1024; }

}  // namespace

Http2Requests::Http2Requests(Http2Ledger& ledger, std::size_t cap)
    : ledger_(ledger), cap_(cap), fields_reader_(ledger) {
  ledger_.bytes += kConnectionCost;
}

Http2Requests::~Http2Requests() {
  ledger_.bytes -= kConnectionCost + open_.size() * draft_cost(cap_);
}

void Http2Requests::enter(const ByteOrigin& origin, StreamContext& out) {
  out_ = &out;
  origin_ = origin;
}

/// False: a byte is not that of the preface.
bool Http2Requests::take_preface(std::string_view& bytes) {
  while (preface_read_ < kHttp2PrefaceEnd.size() && !bytes.empty()) {
    if (bytes[0] != kHttp2PrefaceEnd[preface_read_]) {
      unread_ = kHttp2PrefaceEnd.substr(0, preface_read_);
      return false;
    }
    bytes.remove_prefix(1);
    ++preface_read_;
  }
  return true;
}

Http2Requests::Result Http2Requests::feed(std::string_view& bytes, std::uint32_t seq,
                                          const ByteOrigin& origin, StreamContext& out) {
  enter(origin, out);
  const std::string_view all = bytes;
  rest_ = bytes;
  end_seq_ = seq + static_cast<std::uint32_t>(bytes.size());
  const bool preface = take_preface(rest_);
  const bool good = preface && frames_.feed(rest_, *this) == FrameReader::Result::kMore;
  bytes = std::exchange(rest_, {});
  if (good) {
    keep_recent(all, seq);
    return Result::kInStep;
  }
  end_seq_ -= static_cast<std::uint32_t>(bytes.size());
  if (preface) unread_ = frames_.bad_header();
  if (!preface || (!any_request_ && !unread_.empty())) return Result::kNotHttp2;
  out.on_stream_loss(Loss::kHttp2, 1);
  table_ok_ = false;
  give_out_all(Ending::kTruncated);
  return Result::kLost;
}

bool Http2Requests::gap(std::uint64_t n, StreamContext& out) {
  enter(origin_, out);
  recent_.clear();
  if (frames_.data_left() > 0) {
    const std::size_t i = find(frames_.data_stream());
    if (i < open_.size()) give_out(i, Ending::kTruncated);
  }
  if (preface_read_ == kHttp2PrefaceEnd.size() && frames_.gap(n, *this)) return true;
  out.on_stream_loss(Loss::kHttp2, 1);
  if (frames_.in_block() || preface_read_ < kHttp2PrefaceEnd.size()) table_ok_ = false;
  give_out_all(Ending::kTruncated);
  return false;
}

bool Http2Requests::resumes_at(std::string_view segment) const {
  return looks_like_headers_frame(segment) && read_frame_header(segment).stream > last_stream_;
}

void Http2Requests::resume(bool after_gap) {
  frames_.reset(false);
  preface_read_ = kHttp2PrefaceEnd.size();
  resumed_ = true;
  after_gap_ = after_gap;
}

void Http2Requests::finish(Ending ending, StreamContext& out) {
  enter(origin_, out);
  give_out_all(ending);
}

void Http2Requests::expire(Timestamp limit, StreamContext& out) {
  enter(origin_, out);
  while (!open_.empty() && open_.front()->first_time <= limit) give_out(0, Ending::kTimedOut);
}

std::uint32_t Http2Requests::unneeded() const {
  const std::uint32_t left = frames_.data_left();
  return left > 0 && find(frames_.data_stream()) == open_.size() ? left : 0;
}

std::size_t Http2Requests::find(std::uint32_t stream) const {
  std::size_t i = 0;
  while (i < open_.size() && open_[i]->stream != stream) ++i;
  return i;
}

void Http2Requests::open_draft(std::uint32_t stream) {
  if (open_.size() >= kMaxOpen) give_out(0, Ending::kTruncated);
  auto draft = out_->pool().take();
  draft->stream = stream;
  draft->seq = position() - static_cast<std::uint32_t>(kFrameHeaderSize);
  draft->first_time = origin_.time;
  draft->after_gap = after_gap_;
  draft->note_origin(origin_);
  after_gap_ = false;
  open_.push_back(std::move(draft));
  ledger_.bytes += draft_cost(cap_);
  out_->on_draft_begun();
}

bool Http2Requests::on_block_begun(const FrameHeader& frame, bool promised) {
  if (promised || frame.stream % 2 == 0) return false;  // servers promise, and open even streams
  if (resumed_) {
    // Clients open one stream after the other: when this is the very next one, no header block can
    // have been lost but a trailer, and the table is still good.
    const bool next = frame.stream == last_stream_ + 2 || (last_stream_ == 0 && frame.stream == 1);
    if (!table_ok_ || !next) fields_reader_.reset();
    table_ok_ = true;
    resumed_ = false;
  }
  fields_.clear();
  fields_size_ = 0;
  block_lost_ = false;
  block_stream_ = 0;
  if (frame.stream <= last_stream_) return true;  // trailers
  last_stream_ = frame.stream;
  block_stream_ = frame.stream;
  open_draft(frame.stream);
  return true;
}

bool Http2Requests::on_block(std::string_view bytes) {
  if (const std::size_t i = find(block_stream_); i < open_.size()) open_[i]->note_origin(origin_);
  if (!block_lost_ && !fields_reader_.feed(bytes, *this)) lose_block();
  return true;
}

/// Frames go on, and so do requests whose fields refer to nothing from before.
void Http2Requests::lose_block() {
  block_lost_ = true;
  out_->on_stream_loss(Loss::kHttp2, 1);
  const std::size_t i = find(block_stream_);
  block_stream_ = 0;
  if (i == open_.size()) return;
  out_->pool().give(std::move(open_[i]));
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
  ledger_.bytes -= draft_cost(cap_);
}

void Http2Requests::on_field(std::string_view name, std::string_view value) {
  const std::size_t i = block_stream_ == 0 ? open_.size() : find(block_stream_);
  if (i == open_.size()) return;
  const std::size_t room = cap_ - fields_size_;
  const std::size_t size = name.size() + value.size() + 4;  // ": " and line end, as in HTTP/1
  if (size <= room) {
    if (fields_.size() < kMaxFields) fields_.push_back({std::string{name}, std::string{value}});
    fields_size_ += size;
    return;
  }
  if (name.size() < room) {
    fields_.push_back({std::string{name}, std::string{value.substr(0, room - name.size())}});
  }
  give_out(i, Ending::kTruncated);
  block_stream_ = 0;
}

bool Http2Requests::on_block_ended() {
  if (!block_lost_ && !fields_reader_.end(*this)) lose_block();
  if (block_lost_) {
    fields_reader_.reset();
    return true;
  }
  any_request_ = true;
  const std::size_t i = block_stream_ == 0 ? open_.size() : find(block_stream_);
  block_stream_ = 0;
  if (i == open_.size()) return true;
  open_[i]->note_origin(origin_);
  const bool named = set_head(*open_[i], true);
  if (!named || open_[i]->head_size >= cap_) give_out(i, Ending::kTruncated);
  return true;
}

/// Turns the fields so far into the head. False: it names no request.
bool Http2Requests::set_head(RequestDraft& draft, bool whole) {
  head_of_fields(fields_, out_->secret(), draft.request.head);
  fields_.clear();
  if (whole) draft.head_size = std::max<std::size_t>(fields_size_, 1);
  return !draft.request.head.method.empty() && !draft.request.head.target.empty();
}

void Http2Requests::on_data(std::uint32_t stream, std::string_view bytes) {
  const std::size_t i = find(stream);
  if (i == open_.size()) return;
  RequestDraft& d = *open_[i];
  d.note_origin(origin_);
  const auto kept = bytes.substr(0, cap_ - d.head_size - d.body.size());
  d.body += kept;
  const std::size_t json_end = d.json.feed(kept);
  if (json_end != JsonEnd::npos) {
    d.body_size += json_end;
    give_out(i, Ending::kComplete);
    return;
  }
  d.body_size += kept.size();
  if (d.head_size + d.body.size() >= cap_) give_out(i, Ending::kTruncated);
}

void Http2Requests::on_stream_ended(std::uint32_t stream) {
  const std::size_t i = find(stream);
  if (i == open_.size()) return;
  open_[i]->note_origin(origin_);
  give_out(i, Ending::kComplete);
}

/// A request that is called off was sent all the same.
void Http2Requests::on_reset(std::uint32_t stream) {
  const std::size_t i = find(stream);
  if (i < open_.size()) give_out(i, Ending::kTruncated);
}

void Http2Requests::give_out(std::size_t i, Ending ending) {
  auto draft = std::move(open_[i]);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
  ledger_.bytes -= draft_cost(cap_);
  bool named = !draft->request.head.method.empty() && !draft->request.head.target.empty();
  if (draft->stream == block_stream_) {  // cut inside its header block
    block_stream_ = 0;
    named = set_head(*draft, false);
  }
  draft->span = position() - draft->seq;
  if (named) {
    out_->on_draft(*draft, ending);
  } else {
    out_->on_stream_loss(Loss::kInvalidHead, 1);
  }
  out_->pool().give(std::move(draft));
}

void Http2Requests::give_out_all(Ending ending) {
  while (!open_.empty()) give_out(0, ending);
}

/// The last bytes, for comparison with copies of them while something is unfinished.
void Http2Requests::keep_recent(std::string_view bytes, std::uint32_t seq) {
  if (open_.empty()) {
    std::string{}.swap(recent_);
    return;
  }
  if (recent_.empty() || recent_seq_ + static_cast<std::uint32_t>(recent_.size()) != seq) {
    recent_.clear();
    recent_seq_ = seq;
  }
  if (bytes.size() > cap_) {
    recent_seq_ = seq + static_cast<std::uint32_t>(bytes.size() - cap_);
    recent_ = bytes.substr(bytes.size() - cap_);
    return;
  }
  if (recent_.size() + bytes.size() > 2 * cap_) {
    const std::size_t old = recent_.size() - cap_;
    recent_.erase(0, old);
    recent_seq_ += static_cast<std::uint32_t>(old);
  }
  recent_ += bytes;
}

bool Http2Requests::check_overlap(std::uint32_t seq, std::string_view bytes) {
  if (open_.empty()) return false;
  const std::int32_t offset = seq_distance(recent_seq_, seq);
  if (offset < 0) {
    const auto before = static_cast<std::size_t>(-static_cast<std::int64_t>(offset));
    if (before >= bytes.size()) return false;
    bytes.remove_prefix(before);
  } else if (static_cast<std::size_t>(offset) >= recent_.size()) {
    return false;
  }
  const auto kept = std::string_view{recent_}.substr(static_cast<std::size_t>(std::max(offset, 0)));
  const auto n = std::min(kept.size(), bytes.size());
  if (kept.substr(0, n) == bytes.substr(0, n)) return false;
  for (const auto& draft : open_) draft->conflicting = true;
  return true;
}

}  // namespace probewall
