// SPDX-License-Identifier: Apache-2.0
// Walks the frames of one direction of an HTTP/2 connection (RFC 9113, section 4) in pieces of any
// size. Keeps nothing but the frame header it is in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace probewall {

/// What follows the "PRI * HTTP/2.0" head of a client's connection preface.
inline constexpr std::string_view kHttp2PrefaceEnd = "SM\r\n\r\n";
inline constexpr std::size_t kFrameHeaderSize = 9;

enum class FrameType : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kReset,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};
namespace frame_flag {
inline constexpr std::uint8_t kEndStream = 0x1;  ///< SETTINGS and PING: an acknowledgment
inline constexpr std::uint8_t kEndHeaders = 0x4;
inline constexpr std::uint8_t kPadded = 0x8;
inline constexpr std::uint8_t kPriority = 0x20;
}  // namespace frame_flag

struct FrameHeader {
  std::uint32_t length = 0;  ///< of the payload
  std::uint8_t type = 0;     ///< FrameType, or one that is passed over
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  bool is(FrameType t) const { return type == static_cast<std::uint8_t>(t); }
  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};
/// `bytes` hold at least kFrameHeaderSize.
FrameHeader read_frame_header(std::string_view bytes);
/// Whether a segment looks like the HEADERS frame that opens a client's stream: used where it is
/// not known where a frame begins, so it asks for more than the format does.
bool looks_like_headers_frame(std::string_view bytes);

/// Where the parts of frames go. Return values: false refuses the frame (kInvalid).
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// HEADERS: a header block begins. `promised`: PUSH_PROMISE.
  virtual bool on_block_begun(const FrameHeader& frame, bool promised) = 0;
  virtual bool on_block(std::string_view bytes) = 0;
  virtual bool on_block_ended() = 0;
  virtual void on_data(std::uint32_t stream, std::string_view bytes) = 0;
  /// END_STREAM; after HEADERS it comes when the block is over.
  virtual void on_stream_ended(std::uint32_t stream) = 0;
  virtual void on_reset(std::uint32_t stream) = 0;
};

class FrameReader {
 public:
  enum class Result : std::uint8_t { kMore, kInvalid };

  /// Takes all of `bytes`. kInvalid is final until reset(): the bytes of the frame header at fault
  /// are then in bad_header() if the fault lies there, and what follows them is left in `bytes`.
  Result feed(std::string_view& bytes, FrameSink& out);
  std::string_view bad_header() const { return {header_bytes_.data(), bad_size_}; }

  /// The next `n` bytes are missing. True when they lie inside the payload of one DATA frame or of
  /// one without meaning here, so that the reader stays in step.
  bool gap(std::uint64_t n, FrameSink& out);
  /// Payload bytes to the end of the running DATA frame.
  std::uint32_t data_left() const {
    return state_ >= State::kPadLength && frame_.is(FrameType::kData) ? payload_left_ : 0;
  }
  std::uint32_t data_stream() const { return data_left() > 0 ? frame_.stream : 0; }
  bool in_block() const { return block_stream_ != 0; }
  /// A frame begins at the next byte. `first`: the connection's first, which must be SETTINGS.
  void reset(bool first);

 private:
  enum class State : std::uint8_t { kHeader, kPadLength, kPrefix, kPayload };
  bool begin_frame(FrameSink& out);
  bool acceptable() const;
  bool begin_block(FrameSink& out);
  bool end_of_prefix();
  bool take_payload(std::string_view bytes, FrameSink& out);
  bool end_frame(FrameSink& out);

  std::array<char, kFrameHeaderSize> header_bytes_{};
  std::size_t header_size_ = 0;
  std::size_t bad_size_ = 0;
  FrameHeader frame_;
  State state_ = State::kHeader;
  std::uint32_t payload_left_ = 0;  ///< to the frame's end
  std::uint32_t pad_ = 0;           ///< of these, padding at the end
  std::uint32_t prefix_left_ = 0;   ///< priority or promised stream, before the block
  std::uint32_t block_stream_ = 0;  ///< a header block is open on this stream
  bool block_ends_stream_ = false;
  bool first_ = true;
  bool failed_ = false;
};

}  // namespace probewall
