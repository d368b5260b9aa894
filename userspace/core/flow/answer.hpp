// SPDX-License-Identifier: Apache-2.0
// First bytes of answers, matched to the requests of their connection: in order, or by stream.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/events.hpp"
#include "core/flow/answer_text.hpp"
#include "probewall/time.hpp"

namespace probewall {

/// One piece of an answer as PW_RECORD_RESPONSE brings it.
struct AnswerPiece {
  Timestamp time{};
  std::uint32_t seq = 0;
  std::uint32_t wire_len = 0;
  bool start = false;
  std::string_view bytes;
};

class Http2Answers;
struct Http2Ledger;

/// Gathers one answer at a time, and cuts out those that lie behind it in the same bytes (HTTP/2:
/// gathers several, by stream). Interim answers (1xx but 101) are passed over.
///
/// Of an answer only the first bytes are captured, so answers to pipelined requests can go by
/// unseen. Where that is certain, the requests they may belong to are given up (take_lost()): an
/// answer is rather missed than held against another request.
class AnswerMatcher {
 public:
  struct Expected {
    std::uint64_t request_id = 0;
    Timestamp begun{};         ///< first byte of the request: no answer is older
    bool upgrades = false;     ///< a 101 ends HTTP on this connection
    bool h2c = false;          ///< asks for HTTP/2: its answer comes on stream 1 after a 101
    bool to_head = false;      ///< answers to HEAD have no body
    std::uint32_t stream = 0;  ///< HTTP/2
  };
  struct Answer {
    Expected request;
    Response response;  ///< without flow and source
  };

  AnswerMatcher();
  ~AnswerMatcher();
  AnswerMatcher(AnswerMatcher&&) noexcept;
  AnswerMatcher& operator=(AnswerMatcher&&) noexcept;

  /// The client speaks HTTP/2: after the answers that are still to come, frames.
  void use_http2(Http2Ledger& ledger);
  /// The client asks for HTTP/2 (`h2c` of what is expected): should a 101 come, frames follow.
  void allow_http2(Http2Ledger& ledger) { ledger_ = &ledger; }
  void drop_http2();
  bool is_http2() const { return http2_ != nullptr; }
  void expect(const Expected& request);
  /// Takes a piece; afterwards call take_ready() until it gives nothing. True when this piece
  /// begins an answer while another was still open, which must be taken with take_now() first: then
  /// call add() again.
  bool add(const AnswerPiece& piece);
  /// An answer that has all that is worth waiting for, and its request.
  std::optional<Answer> take_ready();
  /// The open answer as far as it came.
  std::optional<Answer> take_now();
  /// Gives up an answer that belongs to no request; true when there was one.
  bool drop_unmatched();
  /// Requests whose answers were missed, since the last call.
  std::uint32_t take_lost();

  bool open() const;
  Timestamp open_since() const;
  bool has_expected() const;
  /// HTTP/2 header blocks that could not be decoded since the last call.
  std::uint64_t take_unread();

 private:
  struct Pending {
    std::string text;
    Timestamp time{};
    std::uint32_t seq = 0;       ///< of the first byte of `text`
    std::uint32_t next_seq = 0;  ///< behind the last piece
    bool behind = false;         ///< began behind another answer
    bool cut = false;            ///< bytes before next_seq were not captured
  };
  void begin(const AnswerPiece& piece, std::size_t offset);
  bool pass_interim();
  AnswerSize measure() const;
  bool is_whole(const AnswerSize& size) const;
  bool match_front() const;
  Answer make(const AnswerSize& size);
  bool switch_protocols();
  void begin_http2();
  Response cut_front(const AnswerSize& size);
  void lose_answered();

  static constexpr std::size_t kMaxExpected = 64;
  boost::container::small_vector<Expected, 1> expected_;
  std::unique_ptr<Pending> pending_;
  std::optional<std::uint32_t> next_start_;  ///< where the next answer begins, when known
  Timestamp last_time_{};                    ///< of the last piece
  std::uint32_t last_start_ = 0;
  std::uint32_t skipped_ = 0;  ///< requests behind expected_, over its bound; already lost
  std::uint32_t lost_ = 0;
  bool any_start_ = false;
  bool preface_seen_ = false;
  Http2Ledger* ledger_ = nullptr;  ///< HTTP/2 may come
  std::unique_ptr<Http2Answers> http2_;
};

}  // namespace probewall
