// SPDX-License-Identifier: Apache-2.0
#include "core/flow/request_stream.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "core/flow/http2_requests.hpp"
#include "probewall/bytes.hpp"

namespace probewall {
namespace {

/// TLS record of type handshake (RFC 8446, section 5.1). No method begins with this byte.
constexpr char kTlsHandshake = 0x16;

}  // namespace

void RequestDraft::note_origin(const ByteOrigin& origin) {
  time = std::max(time, origin.time);
  proven_time = std::max(proven_time, origin.proven_time);
  proven = proven && origin.proven;
}

void RequestDraft::clear() {
  request.head.clear();
  wire.clear();
  body.clear();
  head_size = body_size = json_read = 0;
  seq = stream = span = 0;
  scanner.reset();
  json.reset();
  first_time = time = proven_time = Timestamp{};
  proven = true;
  conflicting = after_gap = false;
}

/// A document ends with a bracket: what follows the last one, most of a long prompt, is not looked
/// at before the next.
std::size_t RequestDraft::json_end(std::size_t fresh) {
  const std::string_view piece = std::string_view{wire}.substr(wire.size() - fresh);
  const void* const brace = ::memrchr(piece.data(), '}', piece.size());
  const void* const bracket = ::memrchr(piece.data(), ']', piece.size());
  const auto* const last = static_cast<const char*>(std::max(brace, bracket, std::less<>{}));
  if (last == nullptr) return JsonEnd::npos;
  const std::size_t before = json_read;
  const char* const unread = wire.data() + head_size + before;
  json_read += static_cast<std::size_t>(last + 1 - unread);
  const std::size_t end = json.feed({unread, static_cast<std::size_t>(last + 1 - unread)});
  return end == JsonEnd::npos ? end : before + end;
}

std::string_view RequestDraft::body_prefix() const {
  if (head_size == 0) return {};
  if (!body.empty() || stream != 0) return std::string_view{body}.substr(0, body_size);
  return std::string_view{wire}.substr(head_size, body_size);
}

std::string_view RequestDraft::contiguous() const {
  if (head_size == 0 || !body.empty() || stream != 0) return {};
  return std::string_view{wire}.substr(0, head_size + body_size);
}

std::unique_ptr<RequestDraft> DraftPool::take() {
  if (free_.empty()) return std::make_unique<RequestDraft>();
  auto draft = std::move(free_.back());
  free_.pop_back();
  return draft;
}

void DraftPool::give(std::unique_ptr<RequestDraft> draft) {
  if (free_.size() >= kMaxFree) return;
  draft->clear();
  free_.push_back(std::move(draft));
}

RequestStream::RequestStream() = default;
RequestStream::~RequestStream() = default;
RequestStream::RequestStream(RequestStream&&) noexcept = default;
RequestStream& RequestStream::operator=(RequestStream&&) noexcept = default;

const RequestDraft* RequestStream::draft() const {
  return http2_ ? http2_->oldest() : draft_.get();
}

std::uint64_t RequestStream::unneeded() const {
  if (phase_ == Phase::kHttp2) return http2_->unneeded();
  return phase_ == Phase::kLength && !draft_ ? body_left_ : 0;
}

std::uint64_t RequestStream::body_left() const {
  if (phase_ == Phase::kHttp2) return http2_->data_left();
  return phase_ == Phase::kLength ? body_left_ : 0;
}

void RequestStream::feed(std::string_view bytes, std::uint32_t seq, const ByteOrigin& origin,
                         StreamContext& out) {
  while (!bytes.empty()) {
    std::size_t used = 0;
    switch (phase_) {
      case Phase::kHead:
        used = feed_head(bytes, seq, origin, out);
        break;
      case Phase::kLength:
        used = feed_length(bytes, origin, out);
        break;
      case Phase::kChunked:
        used = feed_chunked(bytes, origin, out);
        break;
      case Phase::kHttp2:
        used = feed_http2(bytes, seq, origin, out);
        break;
      case Phase::kLost:
      case Phase::kIgnored:
        return;
    }
    bytes.remove_prefix(used);
    seq += static_cast<std::uint32_t>(used);
  }
}

bool RequestStream::begin_draft(std::string_view bytes, std::uint32_t seq, const ByteOrigin& origin,
                                StreamContext& out) {
  if (!any_request_ && bytes[0] == kTlsHandshake) {
    out.on_stream_loss(Loss::kTls, 1);
    phase_ = Phase::kIgnored;
    return false;
  }
  draft_ = out.pool().take();
  draft_->seq = seq;
  draft_->first_time = origin.time;
  draft_->after_gap = after_gap_;
  after_gap_ = false;
  any_request_ = true;
  out.on_draft_begun();
  return true;
}

std::size_t RequestStream::feed_head(std::string_view bytes, std::uint32_t seq,
                                     const ByteOrigin& origin, StreamContext& out) {
  if (!draft_) {
    // Empty lines before a request line are ignored (RFC 9112, section 2.2).
    const auto start = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
    if (start > 0) return start;
    if (!begin_draft(bytes, seq, origin, out)) return bytes.size();
  }
  RequestDraft& d = *draft_;
  d.note_origin(origin);
  const std::size_t before = d.wire.size();
  const auto taken = bytes.substr(0, out.cap() - before);
  // A whole head in one piece is looked at where it is, so that many small requests in one segment
  // are not copied over and over.
  if (before > 0) d.wire += taken;
  const HeadStatus status = d.scanner.scan(before > 0 ? std::string_view{d.wire} : taken);
  if (status == HeadStatus::kInvalid) {
    out.on_stream_loss(Loss::kInvalidHead, 1);
    out.pool().give(std::move(draft_));
    phase_ = Phase::kLost;
    return bytes.size();
  }
  if (status == HeadStatus::kNeedMore) {
    if (before == 0) d.wire = taken;
    if (d.wire.size() >= out.cap()) {
      emit(Ending::kTruncated, out);
      phase_ = Phase::kLost;
    }
    return taken.size();
  }
  d.head_size = d.scanner.head_size();
  if (before == 0) {
    d.wire = taken.substr(0, d.head_size);
  } else {
    d.wire.resize(d.head_size);
  }
  const std::size_t used = d.head_size - before;
  end_of_head(out);
  return used;
}

void RequestStream::end_of_head(StreamContext& out) {
  RequestDraft& d = *draft_;
  out.read_head(d.wire, d.request.head);
  // HTTP/2 connection preface (RFC 9113, section 3.4).
  if (d.request.head.method == "PRI" && d.request.head.version_major == 2) {
    out.pool().give(std::move(draft_));
    http2_ = std::make_unique<Http2Requests>(out.http2_ledger(), out.cap());
    phase_ = Phase::kHttp2;
    out.on_http2();
    return;
  }
  const BodyFraming framing = body_framing(d.request.head);
  may_skip_ = framing.may_skip;
  switch (framing.kind) {
    case BodyFraming::Kind::kNone:
      emit(Ending::kComplete, out);
      return;
    case BodyFraming::Kind::kLength:
      phase_ = Phase::kLength;
      body_left_ = framing.length;
      break;
    case BodyFraming::Kind::kChunked:
      phase_ = Phase::kChunked;
      chunks_.reset();
      break;
  }
  if (d.head_size >= out.cap()) emit(Ending::kTruncated, out);
}

std::size_t RequestStream::feed_length(std::string_view bytes, const ByteOrigin& origin,
                                       StreamContext& out) {
  const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
  body_left_ -= used;
  if (body_left_ == 0) phase_ = Phase::kHead;
  if (!draft_) return used;
  RequestDraft& d = *draft_;
  const auto kept = bytes.substr(0, std::min(used, out.cap() - d.wire.size()));
  d.note_origin(origin);
  d.wire += kept;
  // With all of the body there, the reader of its JSON says where that ends.
  const bool all = phase_ == Phase::kHead && kept.size() == used;
  const std::size_t json_end = all ? JsonEnd::npos : d.json_end(kept.size());
  if (json_end != JsonEnd::npos) {
    d.body_size = json_end;
    emit(Ending::kComplete, out);
    return used;
  }
  d.body_size += kept.size();
  if (all) {
    emit(Ending::kComplete, out);
  } else if (d.wire.size() >= out.cap()) {
    emit(Ending::kTruncated, out);
  }
  return used;
}

std::size_t RequestStream::feed_chunked(std::string_view bytes, const ByteOrigin& origin,
                                        StreamContext& out) {
  auto rest = bytes;
  bool ended = false;
  bool full = false;
  const auto on_data = [&](std::string_view piece) {
    if (!draft_ || ended || full) return true;
    RequestDraft& d = *draft_;
    const auto kept = piece.substr(0, out.cap() - d.head_size - d.body.size());
    d.body += kept;
    const std::size_t json_end = d.json.feed(kept);
    ended = json_end != JsonEnd::npos;
    d.body_size += ended ? json_end : kept.size();
    full = !ended && d.head_size + d.body.size() >= out.cap();
    return !(ended || full);
  };
  if (draft_) draft_->note_origin(origin);
  const auto result = chunks_.feed(rest, on_data);
  const std::size_t used = bytes.size() - rest.size();
  if (draft_) keep_wire(bytes.substr(0, used), out.cap());
  if (ended || full) {
    emit(ended ? Ending::kComplete : Ending::kTruncated, out);
    return used;
  }
  if (result == ChunkDecoder::Result::kDone) {
    phase_ = Phase::kHead;
    if (draft_) emit(Ending::kComplete, out);
  } else if (result == ChunkDecoder::Result::kInvalid) {
    if (draft_) emit(Ending::kTruncated, out);
    out.on_stream_loss(Loss::kInvalidHead, 1);
    phase_ = Phase::kLost;
    return bytes.size();
  }
  return used;
}

std::size_t RequestStream::feed_http2(std::string_view bytes, std::uint32_t seq,
                                      const ByteOrigin& origin, StreamContext& out) {
  auto rest = bytes;
  const auto result = http2_->feed(rest, seq, origin, out);
  const std::size_t used = bytes.size() - rest.size();
  if (result == Http2Requests::Result::kLost) phase_ = Phase::kLost;
  if (result == Http2Requests::Result::kNotHttp2) {
    // What a server that does not know HTTP/2 would do: go on with the next request line.
    out.on_stream_loss(Loss::kHttp2, 1);
    const std::string unread{http2_->unread()};
    http2_.reset();
    phase_ = Phase::kHead;
    out.on_http1();
    const auto begin = seq + static_cast<std::uint32_t>(used - unread.size());
    feed(unread, begin, origin, out);
  }
  return used;
}

void RequestStream::keep_wire(std::string_view bytes, std::size_t cap) {
  RequestDraft& d = *draft_;
  if (d.wire.size() < cap) d.wire += bytes.substr(0, cap - d.wire.size());
}

bool RequestStream::gap(std::uint64_t n, StreamContext& out) {
  switch (phase_) {
    case Phase::kLength:
      if (draft_) emit(Ending::kTruncated, out);
      if (n <= body_left_) {
        body_left_ -= n;
        if (body_left_ == 0) phase_ = Phase::kHead;
        return true;
      }
      break;
    case Phase::kChunked:
      if (draft_) emit(Ending::kTruncated, out);
      if (n <= chunks_.data_left()) {
        chunks_.skip_data(n);
        return true;
      }
      break;
    case Phase::kHead:
      if (draft_) finish(Ending::kTruncated, out);
      break;
    case Phase::kHttp2:
      if (http2_->gap(n, out)) return true;
      break;
    case Phase::kIgnored:
      return true;
    case Phase::kLost:
      break;
  }
  phase_ = Phase::kLost;
  return false;
}

bool RequestStream::resumes_at(std::string_view bytes, bool marked) const {
  if (http2_) return http2_->resumes_at(bytes);
  return marked || looks_like_request_start(bytes);
}

void RequestStream::resync(bool after_gap) {
  if (http2_) {
    http2_->resume(after_gap);
    phase_ = Phase::kHttp2;
    return;
  }
  phase_ = Phase::kHead;
  after_gap_ = after_gap;
  body_left_ = 0;
}

void RequestStream::expire(Timestamp limit, StreamContext& out) {
  if (http2_) {
    http2_->expire(limit, out);
  } else if (draft_ && draft_->first_time <= limit) {
    finish(Ending::kTimedOut, out);
  }
}

void RequestStream::drop_http2(StreamContext& out) {
  if (!http2_) return;
  finish(Ending::kTruncated, out);
  http2_.reset();
  phase_ = Phase::kIgnored;
  out.on_stream_loss(Loss::kHttp2, 1);
}

void RequestStream::finish(Ending ending, StreamContext& out) {
  if (http2_) {
    http2_->finish(ending, out);
    return;
  }
  if (!draft_) return;
  if (draft_->head_size > 0) {
    emit(ending, out);
    return;
  }
  phase_ = Phase::kLost;
  if (draft_->scanner.has_target()) {
    emit(ending, out);
  } else {
    out.on_stream_loss(Loss::kInvalidHead, 1);
    out.pool().give(std::move(draft_));
  }
}

void RequestStream::ignore(StreamContext& out) {
  if (draft_) out.pool().give(std::move(draft_));
  http2_.reset();
  phase_ = Phase::kIgnored;
}

void RequestStream::emit(Ending ending, StreamContext& out) {
  auto draft = std::move(draft_);
  if (draft->head_size == 0) out.read_head(draft->wire, draft->request.head);
  out.on_draft(*draft, ending);
  out.pool().give(std::move(draft));
}

bool RequestStream::check_overlap(std::uint32_t seq, std::string_view bytes) {
  if (http2_) return http2_->check_overlap(seq, bytes);
  if (!draft_) return false;
  const std::string_view wire = draft_->wire;
  const std::int32_t offset = seq_distance(draft_->seq, seq);
  if (offset < 0) {
    const auto before = static_cast<std::size_t>(-static_cast<std::int64_t>(offset));
    if (before >= bytes.size()) return false;
    bytes.remove_prefix(before);
  } else if (static_cast<std::size_t>(offset) >= wire.size()) {
    return false;
  }
  const auto kept = wire.substr(static_cast<std::size_t>(std::max(offset, 0)));
  const auto n = std::min(kept.size(), bytes.size());
  if (kept.substr(0, n) == bytes.substr(0, n)) return false;
  draft_->conflicting = true;
  return true;
}

}  // namespace probewall
