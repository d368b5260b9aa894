// SPDX-License-Identifier: Apache-2.0
// The server's side of one HTTP/2 connection, of which only the first bytes of segments that begin
// answers are captured: frames -> first bytes of answers, by stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/flow/answer.hpp"
#include "core/http/hpack.hpp"
#include "core/http/http2_frames.hpp"

namespace probewall {

class Http2Answers final : private FrameSink, private FieldSink {
 public:
  explicit Http2Answers(Http2Ledger& ledger);
  ~Http2Answers() override;
  Http2Answers(const Http2Answers&) = delete;
  Http2Answers& operator=(const Http2Answers&) = delete;

  void expect(const AnswerMatcher::Expected& request);
  /// Bytes may be missing before a piece: the reader stays in step inside a DATA frame, else it
  /// goes on at the next piece with `start`.
  void add(const AnswerPiece& piece);
  /// An answer to an expected request; `whole`: only one that has all that is worth waiting for.
  std::optional<AnswerMatcher::Answer> take(bool whole);
  /// Gives up answers to no request; true when there was one.
  bool drop_unmatched();
  bool open() const;
  Timestamp open_since() const;
  bool has_expected() const;
  std::uint64_t take_unread() { return std::exchange(unread_, 0); }
  /// Requests given up because too many waited, since the last call.
  std::uint32_t take_lost() { return std::exchange(lost_, 0); }
  /// Requests that wait for their answers.
  std::uint32_t waiting() const;

 private:
  struct Exchange {
    AnswerMatcher::Expected request;  ///< stream alone when the request has not been read (yet)
    Timestamp time{};
    std::string text;  ///< in the form of HTTP/1; empty before the answer
    std::uint32_t bytes = 0;
    bool begun = false;  ///< the head is there
    bool ended = false;
    bool claimed() const { return request.request_id != 0; }
  };
  static constexpr std::size_t kMaxExchanges = 32;

  bool on_block_begun(const FrameHeader& frame, bool promised) override;
  bool on_block(std::string_view bytes) override;
  bool on_block_ended() override;
  void on_data(std::uint32_t stream, std::string_view bytes) override;
  void on_stream_ended(std::uint32_t stream) override;
  void on_reset(std::uint32_t stream) override;
  void on_field(std::string_view name, std::string_view value) override;

  bool add_refusal(std::string_view bytes);
  Exchange* find(std::uint32_t stream);
  Exchange& find_or_add(std::uint32_t stream);
  void erase(std::uint32_t stream);
  void account();
  bool only_unanswered(std::uint32_t stream) const;

  Http2Ledger& ledger_;
  std::size_t cost_ = 0;  ///< entered in the ledger
  FrameReader frames_;
  HpackReader fields_reader_;
  std::vector<Exchange> exchanges_;  ///< oldest first
  Timestamp now_{};
  std::string head_;                ///< of the running block
  std::uint32_t block_stream_ = 0;  ///< 0: of no interest
  std::uint32_t next_seq_ = 0;
  std::uint64_t unread_ = 0;
  std::uint32_t lost_ = 0;
  bool any_piece_ = false;
  bool refused_ = false;  ///< the server speaks HTTP/1 only and said so
  bool in_step_ = false;
  bool resumed_ = false;  ///< the next header block is the first after lost bytes
  bool table_ok_ = true;
  bool block_lost_ = false;
};

}  // namespace probewall
