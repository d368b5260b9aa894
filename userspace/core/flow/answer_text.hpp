// SPDX-License-Identifier: Apache-2.0
// What can be said of the first bytes of an answer.
#pragma once

#include <cstddef>
#include <string_view>

namespace probewall {

inline constexpr std::size_t kAnswerPrefix = 1024;  ///< most that is kept of one

/// The code in "HTTP/1.1 200"; 0 while it is not all there or is none.
int status_of(std::string_view text);
/// Offset after the blank line; npos when it is not there.
std::size_t answer_head_end(std::string_view text);
/// Whether nothing that rules look at is missing. The body counts as well as the head ("model not
/// found"), however the answer was segmented; a body of unknown length is there with its first
/// byte.
bool is_whole_answer(std::string_view text, int status);

}  // namespace probewall
