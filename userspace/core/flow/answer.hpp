// SPDX-License-Identifier: Apache-2.0
// First bytes of answers, matched to the requests of their connection: in order, or by stream.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/events.hpp"
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

/// Gathers one answer at a time (HTTP/2: several). Interim answers (1xx but 101) are passed over.
class AnswerMatcher {
 public:
  struct Expected {
    std::uint64_t request_id = 0;
    Timestamp begun{};         ///< first byte of the request: no answer is older
    bool upgrades = false;     ///< a 101 ends HTTP on this connection
    bool h2c = false;          ///< asks for HTTP/2: its answer comes on stream 1 after a 101
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

  bool open() const;
  Timestamp open_since() const;
  bool has_expected() const;
  /// HTTP/2 header blocks that could not be decoded since the last call.
  std::uint64_t take_unread();

 private:
  struct Pending {
    std::string text;
    Timestamp time{};
    std::uint32_t first_seq = 0;  ///< of `text`
    std::uint32_t next_seq = 0;
    std::uint32_t bytes = 0;
  };
  bool pass_interim();
  bool match_front();
  std::optional<Answer> make();
  bool switch_protocols();
  void begin_http2();

  static constexpr std::size_t kMaxExpected = 32;
  boost::container::small_vector<Expected, 1> expected_;
  std::unique_ptr<Pending> pending_;
  std::uint32_t last_start_ = 0;
  bool any_start_ = false;
  bool preface_seen_ = false;
  Http2Ledger* ledger_ = nullptr;  ///< HTTP/2 may come
  std::unique_ptr<Http2Answers> http2_;
};

}  // namespace probewall
