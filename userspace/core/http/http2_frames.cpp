// SPDX-License-Identifier: Apache-2.0
#include "core/http/http2_frames.hpp"

#include <algorithm>

namespace probewall {
namespace {

/// Every server takes frames of 16 KiB, some a megabyte. DATA is only passed over, whatever its
/// size; a length that cannot be one shows that this is no frame header.
constexpr std::uint32_t kDefaultMax = 16384;
constexpr std::uint32_t kMaxBlockFrame = 1 << 20;
constexpr std::uint32_t kPriorityFields = 5;
constexpr std::uint32_t kPromisedStream = 4;

std::uint8_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

bool may_be_padded(const FrameHeader& f) {
  return f.is(FrameType::kData) || f.is(FrameType::kHeaders) || f.is(FrameType::kPushPromise);
}

/// Sizes and streams that the format fixes (RFC 9113, section 6).
bool is_plausible(const FrameHeader& f) {
  switch (static_cast<FrameType>(f.type)) {
    case FrameType::kData:
      return f.stream != 0;
    case FrameType::kHeaders:
    case FrameType::kContinuation:
    case FrameType::kPushPromise:
      return f.stream != 0 && f.length <= kMaxBlockFrame;
    case FrameType::kReset:
      return f.stream != 0 && f.length == 4;
    case FrameType::kSettings:
      return f.stream == 0 && f.length <= kDefaultMax && f.length % 6 == 0 &&
             (f.length == 0 || !f.has(frame_flag::kEndStream));
    case FrameType::kPing:
      return f.stream == 0 && f.length == 8;
    case FrameType::kGoaway:
      return f.stream == 0 && f.length >= 8 && f.length <= kDefaultMax;
    case FrameType::kWindowUpdate:
      return f.length == 4;
    case FrameType::kPriority:
    default:  // unknown types are passed over (section 4.1)
      return f.length <= kDefaultMax;
  }
}

}  // namespace

FrameHeader read_frame_header(std::string_view b) {
  FrameHeader f;
  f.length = std::uint32_t{byte_at(b, 0)} << 16 | std::uint32_t{byte_at(b, 1)} << 8 | byte_at(b, 2);
  f.type = byte_at(b, 3);
  f.flags = byte_at(b, 4);
  f.stream = (std::uint32_t{byte_at(b, 5)} & 0x7f) << 24 | std::uint32_t{byte_at(b, 6)} << 16 |
             std::uint32_t{byte_at(b, 7)} << 8 | byte_at(b, 8);
  return f;
}

bool looks_like_headers_frame(std::string_view bytes) {
  if (bytes.size() <= kFrameHeaderSize) return false;
  const FrameHeader f = read_frame_header(bytes);
  constexpr std::uint8_t kKnown = frame_flag::kEndStream | frame_flag::kEndHeaders |
                                  frame_flag::kPadded | frame_flag::kPriority;
  if (!f.is(FrameType::kHeaders) || (f.flags & ~kKnown) != 0) return false;
  if (f.stream % 2 == 0 || byte_at(bytes, 5) > 0x7f) return false;
  if (f.length == 0 || f.length > kDefaultMax) return false;
  const std::size_t next = kFrameHeaderSize + f.length;
  if (bytes.size() < next + kFrameHeaderSize) return true;
  return is_plausible(read_frame_header(bytes.substr(next)));
}

void FrameReader::reset(bool first) {
  *this = FrameReader{};
  first_ = first;
}

FrameReader::Result FrameReader::feed(std::string_view& bytes, FrameSink& out) {
  while (!bytes.empty() && !failed_) {
    if (state_ == State::kHeader) {
      const auto n = std::min(bytes.size(), kFrameHeaderSize - header_size_);
      std::copy_n(bytes.begin(), n, header_bytes_.begin() + static_cast<int>(header_size_));
      header_size_ += n;
      bytes.remove_prefix(n);
      if (header_size_ == kFrameHeaderSize && !begin_frame(out)) failed_ = true;
      continue;
    }
    auto n = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), payload_left_));
    if (state_ == State::kPadLength) n = 1;
    if (state_ == State::kPrefix) n = std::min(n, prefix_left_);
    const auto piece = bytes.substr(0, n);
    bytes.remove_prefix(n);
    if (!take_payload(piece, out)) failed_ = true;
  }
  return failed_ ? Result::kInvalid : Result::kMore;
}

bool FrameReader::acceptable() const {
  if (first_) {
    return frame_.is(FrameType::kSettings) && is_plausible(frame_) &&
           !frame_.has(frame_flag::kEndStream);
  }
  const bool continues = frame_.is(FrameType::kContinuation);
  if (continues != in_block()) return false;
  if (continues && frame_.stream != block_stream_) return false;
  return is_plausible(frame_);
}

bool FrameReader::begin_frame(FrameSink& out) {
  header_size_ = 0;
  frame_ = read_frame_header({header_bytes_.data(), kFrameHeaderSize});
  if (!acceptable()) {
    bad_size_ = kFrameHeaderSize;
    return false;
  }
  first_ = false;
  payload_left_ = frame_.length;
  pad_ = 0;
  prefix_left_ = 0;
  if (frame_.is(FrameType::kHeaders) || frame_.is(FrameType::kPushPromise)) {
    if (!begin_block(out)) return false;
  } else if (frame_.is(FrameType::kReset)) {
    out.on_reset(frame_.stream);
  }
  if (may_be_padded(frame_) && frame_.has(frame_flag::kPadded)) {
    state_ = State::kPadLength;
    return payload_left_ > 0;
  }
  return end_of_prefix() && (payload_left_ > 0 || end_frame(out));
}

bool FrameReader::begin_block(FrameSink& out) {
  const bool promised = frame_.is(FrameType::kPushPromise);
  if (promised) {
    prefix_left_ = kPromisedStream;
  } else if (frame_.has(frame_flag::kPriority)) {
    prefix_left_ = kPriorityFields;
  }
  block_stream_ = frame_.stream;
  block_ends_stream_ = !promised && frame_.has(frame_flag::kEndStream);
  return out.on_block_begun(frame_, promised);
}

/// Padding is known (or there is none); `prefix_left_` bytes come before the content.
bool FrameReader::end_of_prefix() {
  if (pad_ > payload_left_ || prefix_left_ > payload_left_ - pad_) return false;
  state_ = prefix_left_ > 0 ? State::kPrefix : State::kPayload;
  return true;
}

bool FrameReader::take_payload(std::string_view bytes, FrameSink& out) {
  const auto n = static_cast<std::uint32_t>(bytes.size());
  payload_left_ -= n;
  if (state_ == State::kPadLength) {
    pad_ = byte_at(bytes, 0);
    if (!end_of_prefix()) return false;
  } else if (state_ == State::kPrefix) {
    prefix_left_ -= n;
    if (prefix_left_ == 0) state_ = State::kPayload;
  } else {
    const std::uint32_t content_left = payload_left_ + n - std::min(pad_, payload_left_ + n);
    const auto content = bytes.substr(0, content_left);
    if (frame_.is(FrameType::kData)) {
      if (!content.empty()) out.on_data(frame_.stream, content);
    } else if (in_block() && !content.empty() && !out.on_block(content)) {
      return false;
    }
  }
  return payload_left_ > 0 || end_frame(out);
}

bool FrameReader::end_frame(FrameSink& out) {
  state_ = State::kHeader;
  if (frame_.is(FrameType::kData)) {
    if (frame_.has(frame_flag::kEndStream)) out.on_stream_ended(frame_.stream);
    return true;
  }
  if (!in_block() || !frame_.has(frame_flag::kEndHeaders)) return true;
  const std::uint32_t stream = block_stream_;
  block_stream_ = 0;
  if (!out.on_block_ended()) return false;
  if (block_ends_stream_) out.on_stream_ended(stream);
  return true;
}

bool FrameReader::gap(std::uint64_t n, FrameSink& out) {
  if (n == 0) return true;
  if (failed_ || state_ == State::kHeader || in_block() || n > payload_left_) return false;
  payload_left_ -= static_cast<std::uint32_t>(n);
  pad_ = std::min(pad_, payload_left_);
  state_ = State::kPayload;
  if (payload_left_ == 0) end_frame(out);
  return true;
}

}  // namespace probewall
