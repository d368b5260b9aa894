// SPDX-License-Identifier: Apache-2.0
// The client's side of one HTTP/2 connection: frames -> requests, several at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/flow/request_stream.hpp"
#include "core/http/hpack.hpp"
#include "core/http/http2_frames.hpp"

namespace probewall {

/// Fed with the bytes behind the "PRI * HTTP/2.0" head. Only watches: flow control, priorities and
/// settings of either side are passed over.
class Http2Requests final : private FrameSink, private FieldSink {
 public:
  /// Requests whose bodies are being read at a time; one more, and the oldest is given out cut.
  static constexpr std::size_t kMaxOpen = 32;

  Http2Requests(Http2Ledger& ledger, std::size_t cap);
  ~Http2Requests() override;

  enum class Result : std::uint8_t {
    kInStep,
    kLost,      ///< the next frame's place is not known: see resumes_at()
    kNotHttp2,  ///< no request came and this is no frame: unread() and what is left of `bytes` may
                ///< be HTTP/1
  };
  /// Takes the next bytes; `seq` is that of the first one.
  Result feed(std::string_view& bytes, std::uint32_t seq, const ByteOrigin& origin,
              StreamContext& out);
  /// Bytes already taken that are no HTTP/2, after kNotHttp2.
  std::string_view unread() const { return unread_; }
  /// The next `n` bytes are missing. False: the place of the next frame is not known; what was open
  /// has been given out.
  bool gap(std::uint64_t n, StreamContext& out);
  /// Whether a segment may be the HEADERS frame of a new request.
  bool resumes_at(std::string_view segment) const;
  void resume(bool after_gap);
  void finish(Ending ending, StreamContext& out);
  void expire(Timestamp limit, StreamContext& out);

  const RequestDraft* oldest() const { return open_.empty() ? nullptr : open_.front().get(); }
  std::uint32_t data_left() const { return frames_.data_left(); }
  /// Bytes to the end of the running DATA frame, when no request wants them.
  std::uint32_t unneeded() const;
  /// Whether `bytes` at `seq` differ from recent ones; remembers it for what is unfinished.
  bool check_overlap(std::uint32_t seq, std::string_view bytes);

 private:
  bool on_block_begun(const FrameHeader& frame, bool promised) override;
  bool on_block(std::string_view bytes) override;
  bool on_block_ended() override;
  void on_data(std::uint32_t stream, std::string_view bytes) override;
  void on_stream_ended(std::uint32_t stream) override;
  void on_reset(std::uint32_t stream) override;
  void on_field(std::string_view name, std::string_view value) override;

  bool take_preface(std::string_view& bytes);
  void enter(const ByteOrigin& origin, StreamContext& out);
  std::uint32_t position() const { return end_seq_ - static_cast<std::uint32_t>(rest_.size()); }
  void open_draft(std::uint32_t stream);
  std::size_t find(std::uint32_t stream) const;  ///< open_.size(): none
  void give_out(std::size_t i, Ending ending);
  void give_out_all(Ending ending);
  bool set_head(RequestDraft& draft, bool whole);
  void lose_block();
  void keep_recent(std::string_view bytes, std::uint32_t seq);

  Http2Ledger& ledger_;
  const std::size_t cap_;
  FrameReader frames_;
  HpackReader fields_reader_;
  std::vector<std::unique_ptr<RequestDraft>> open_;  ///< oldest first
  std::vector<Header> fields_;                       ///< of the running block
  std::size_t fields_size_ = 0;
  std::string recent_;  ///< last bytes read, while something is unfinished
  std::uint32_t recent_seq_ = 0;
  std::string unread_;
  std::uint32_t last_stream_ = 0;   ///< highest one a request was opened on
  std::uint32_t block_stream_ = 0;  ///< whose fields are kept; 0: none
  std::uint8_t preface_read_ = 0;
  bool block_lost_ = false;
  bool resumed_ = false;    ///< the next header block is the first after lost bytes
  bool table_ok_ = true;    ///< no block was missed, as far as can be known
  bool after_gap_ = false;  ///< of the next request
  bool any_request_ = false;

  StreamContext* out_ = nullptr;  ///< during a call
  ByteOrigin origin_;
  std::string_view rest_;      ///< of the bytes being fed
  std::uint32_t end_seq_ = 0;  ///< after them
};

}  // namespace probewall
