// SPDX-License-Identifier: Apache-2.0
// What the first bytes of an HTTP/1 answer say about its status and where it ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace probewall {

/// The code in "HTTP/1.1 200"; 0 while it is not all there or is none.
int answer_status(std::string_view text);
/// Offset after the blank line; npos when it is not there.
std::size_t answer_head_end(std::string_view text);
/// Whether `text` begins as an answer does, as far as it goes.
bool looks_like_answer(std::string_view text);

struct AnswerSize {
  std::size_t head = std::string_view::npos;  ///< with the blank line; npos: not complete
  std::optional<std::uint64_t> total;         ///< head and body on the wire, when known
  bool chunked = false;                       ///< without `total`: the last chunk is not there yet
};

/// RFC 9112, section 6.3, for an answer to an ordinary request, or to HEAD with `to_head`.
AnswerSize measure_answer(std::string_view text, bool to_head);

}  // namespace probewall
