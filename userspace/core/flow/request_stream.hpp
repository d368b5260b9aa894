// SPDX-License-Identifier: Apache-2.0
// One connection's request bytes, in order -> requests. Knows HTTP, knows nothing of TCP.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "core/http/chunk_decoder.hpp"
#include "core/http/head_scanner.hpp"
#include "core/http/key_hash.hpp"
#include "core/http/request_parser.hpp"
#include "core/llm/json_text.hpp"
#include "probewall/time.hpp"

namespace probewall {

/// Where contiguous bytes came from.
struct ByteOrigin {
  Timestamp time{};
  Timestamp proven_time{};
  bool proven = false;
};

class Http2Requests;
struct Http2Ledger;

/// The request being read.
struct RequestDraft {
  Request request;            ///< its head once the blank line is there, all of it when given out
  std::string wire;           ///< bytes as sent from `seq` on, without gaps, at most the cap
  std::string body;           ///< chunked and HTTP/2: payload without framing
  std::size_t head_size = 0;  ///< 0 while the head is incomplete
  std::size_t body_size = 0;  ///< bytes of the prefix that belong to the request
  std::uint32_t seq = 0;
  std::uint32_t stream = 0;  ///< HTTP/2; `wire` is empty then, head_size that of the fields
  std::uint32_t span = 0;    ///< HTTP/2: from `seq` to the last byte it needed
  HeadScanner scanner;
  JsonEnd json;
  std::size_t json_read = 0;  ///< bytes of a body in `wire` that `json` has seen
  Timestamp first_time{};
  Timestamp time{};
  Timestamp proven_time{};
  bool proven = true;
  bool conflicting = false;
  bool after_gap = false;

  void clear();
  std::string_view body_prefix() const;
  /// Head and body prefix where they stand in one piece as sent; empty with chunks and HTTP/2.
  std::string_view contiguous() const;
  /// Sequence number after its last byte.
  std::uint32_t end() const { return seq + span + static_cast<std::uint32_t>(wire.size()); }
  void note_origin(const ByteOrigin& origin);
  /// Bytes of the body in `wire` up to the end of its JSON when that is among the last `fresh`
  /// ones; npos when it is not.
  std::size_t json_end(std::size_t fresh);
};

/// Drafts are reused: their strings keep their memory.
class DraftPool {
 public:
  std::unique_ptr<RequestDraft> take();
  void give(std::unique_ptr<RequestDraft> draft);

 private:
  static constexpr std::size_t kMaxFree = 256;
  std::vector<std::unique_ptr<RequestDraft>> free_;
};

enum class Ending : std::uint8_t { kComplete, kTruncated, kTimedOut };

/// What a stream needs from its flow.
class StreamContext {
 public:
  virtual ~StreamContext() = default;
  virtual void on_draft_begun() = 0;
  /// Last call for this draft; its strings may be moved out.
  virtual void on_draft(RequestDraft& draft, Ending ending) = 0;
  virtual void on_stream_loss(Loss what, std::uint64_t count) = 0;
  /// The connection preface was read: frames from here on.
  virtual void on_http2() = 0;
  /// What followed the preface was no HTTP/2 after all.
  virtual void on_http1() = 0;
  virtual Http2Ledger& http2_ledger() = 0;
  virtual DraftPool& pool() = 0;
  virtual const HashSecret& secret() const = 0;
  /// parse_request_head() under that secret.
  virtual void read_head(std::string_view text, RequestHead& out) = 0;
  virtual std::size_t cap() const = 0;
};

class RequestStream {
 public:
  enum class Phase : std::uint8_t {
    kHead,    ///< between requests or inside a head
    kLength,  ///< inside a body of known length
    kChunked,
    kHttp2,    ///< frames, after the connection preface
    kLost,     ///< where the next request begins is not known
    kIgnored,  ///< not HTTP
  };

  RequestStream();
  ~RequestStream();
  RequestStream(RequestStream&&) noexcept;
  RequestStream& operator=(RequestStream&&) noexcept;

  /// Takes the next bytes of the stream; `seq` is that of the first one.
  void feed(std::string_view bytes, std::uint32_t seq, const ByteOrigin& origin,
            StreamContext& out);
  /// The next `n` bytes were not captured. Inside a body that is fine (an unfinished draft is given
  /// out as truncated); else the stream is lost. Returns false when it is lost.
  bool gap(std::uint64_t n, StreamContext& out);
  /// Whether a lost stream can go on with this segment. `marked`: the kernel says so.
  bool resumes_at(std::string_view bytes, bool marked) const;
  /// A request begins at the next byte.
  void resync(bool after_gap);
  /// No more bytes, or no more patience: gives out what is half-read.
  void finish(Ending ending, StreamContext& out);
  /// Gives out, as timed out, what began at `limit` or before.
  void expire(Timestamp limit, StreamContext& out);
  void ignore(StreamContext& out);
  /// Forgets an HTTP/2 connection: its requests cannot be read any more.
  void drop_http2(StreamContext& out);

  Phase phase() const { return phase_; }
  bool lost() const { return phase_ == Phase::kLost; }
  bool has_draft() const { return draft() != nullptr; }
  /// The oldest unfinished request.
  const RequestDraft* draft() const;
  /// Body bytes still to come that nobody needs any more; 0 while a draft wants them, and with
  /// chunks. HTTP/2: of the running DATA frame, as frames of other requests may follow it.
  std::uint64_t unneeded() const;
  /// Body bytes still to come, with a known length (HTTP/2: of the running DATA frame).
  std::uint64_t body_left() const;
  bool may_skip() const { return may_skip_ || phase_ == Phase::kHttp2; }
  /// Whether the kernel has to be granted budget as bytes are read, as no length is known ahead.
  bool walks() const { return phase_ == Phase::kChunked || phase_ == Phase::kHttp2; }
  /// Whether `bytes` at `seq` differ from bytes of the unfinished request; remembers it.
  bool check_overlap(std::uint32_t seq, std::string_view bytes);

 private:
  std::size_t feed_head(std::string_view bytes, std::uint32_t seq, const ByteOrigin& origin,
                        StreamContext& out);
  std::size_t feed_length(std::string_view bytes, const ByteOrigin& origin, StreamContext& out);
  std::size_t feed_chunked(std::string_view bytes, const ByteOrigin& origin, StreamContext& out);
  std::size_t feed_http2(std::string_view bytes, std::uint32_t seq, const ByteOrigin& origin,
                         StreamContext& out);
  bool begin_draft(std::string_view bytes, std::uint32_t seq, const ByteOrigin& origin,
                   StreamContext& out);
  void end_of_head(StreamContext& out);
  void emit(Ending ending, StreamContext& out);
  void keep_wire(std::string_view bytes, std::size_t cap);

  std::unique_ptr<RequestDraft> draft_;
  std::unique_ptr<Http2Requests> http2_;  ///< from the preface on, also while lost
  std::uint64_t body_left_ = 0;
  ChunkDecoder chunks_;
  Phase phase_ = Phase::kHead;
  bool may_skip_ = false;
  bool after_gap_ = false;
  bool any_request_ = false;
};

}  // namespace probewall
