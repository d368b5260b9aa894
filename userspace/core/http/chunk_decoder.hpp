// SPDX-License-Identifier: Apache-2.0
// Walks a chunked body (RFC 9112, section 7.1) in pieces of any size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace probewall {

/// Extensions and trailers are passed over, bare LF is accepted. Keeps no bytes.
class ChunkDecoder {
 public:
  enum class Result : std::uint8_t { kMore, kDone, kInvalid };

  /// Takes bytes off the front of `bytes` until they are used up, the body ends (kDone; what is
  /// left belongs to the next request) or cannot be chunked (kInvalid). `on_data(view)` gets the
  /// payload; it returns false to stop after that piece (kMore, `bytes` may not be empty then).
  template <typename OnData>
  Result feed(std::string_view& bytes, OnData&& on_data) {
    while (!bytes.empty()) {
      if (state_ == State::kData) {
        const auto n = std::min<std::uint64_t>(left_, bytes.size());
        const auto piece = bytes.substr(0, n);
        bytes.remove_prefix(n);
        left_ -= n;
        if (left_ == 0) state_ = State::kDataEnd;
        if (!on_data(piece)) return Result::kMore;
        continue;
      }
      const Result r = step(bytes[0]);
      bytes.remove_prefix(1);
      if (r != Result::kMore) return r;
    }
    return Result::kMore;
  }

  /// Payload bytes of the running chunk that have not come yet.
  std::uint64_t data_left() const { return state_ == State::kData ? left_ : 0; }
  /// Passes over `n` payload bytes that were not captured; n <= data_left().
  void skip_data(std::uint64_t n) {
    left_ -= n;
    if (left_ == 0 && state_ == State::kData) state_ = State::kDataEnd;
  }
  void reset() { *this = ChunkDecoder{}; }

 private:
  enum class State : std::uint8_t { kSize, kExtension, kData, kDataEnd, kTrailer };
  Result step(char c);
  Result end_of_size();

  std::uint64_t left_ = 0;
  State state_ = State::kSize;
  std::uint8_t digits_ = 0;     ///< of the running size line
  bool line_has_text_ = false;  ///< the running trailer line is not blank
};

}  // namespace probewall
