// SPDX-License-Identifier: Apache-2.0
// What the first bytes of an HTTP/1 answer, or of another in its form, say about its status and
// where it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace probewall {

inline constexpr std::size_t kAnswerPrefix = 1024;  ///< most that is kept of one

/// The code in "HTTP/1.1 200"; 0 while it is not all there or is none.
int answer_status(std::string_view text);
/// Offset after the blank line; npos when it is not there.
std::size_t answer_head_end(std::string_view text);
/// The value of a head's first field of this name (lower case), without the blanks around it;
/// nullopt: none.
std::optional<std::string_view> answer_field(std::string_view head, std::string_view name);
/// Whether `text` begins as an HTTP/1 answer does, as far as it goes.
bool looks_like_answer(std::string_view text);

struct AnswerSize {
  std::size_t head = std::string_view::npos;  ///< with the blank line; npos: not complete
  std::optional<std::uint64_t> total;         ///< head and body on the wire, when known
  bool chunked = false;                       ///< without `total`: the last chunk is not there yet
};

/// RFC 9112, section 6.3, for an answer to an ordinary request, or to HEAD with `to_head`.
AnswerSize measure_answer(std::string_view text, bool to_head);

/// Whether nothing that rules look at is missing. The body counts as well as the head ("model not
/// found"), however the answer was segmented; a body of unknown length is there with its first
/// byte, or, when another answer may follow it (`more`), a chunked one with its last chunk. `size`
/// is what measure_answer() says of `text`.
bool is_whole_answer(std::string_view text, const AnswerSize& size, bool more);

}  // namespace probewall
