// SPDX-License-Identifier: Apache-2.0
// Prose as patterns are matched against it.
#pragma once

#include <string>
#include <string_view>

namespace probewall::rules {

/// White space collapsed to single blanks, apostrophes and backticks removed, ends trimmed.
/// Replaces `out`.
void normalise_prompt(std::string_view text, std::string& out);
/// `text` without what stands in quotation marks, backticks or block quotes. Replaces `out`.
void without_quotes(std::string_view text, std::string& out);
/// Whether without_quotes() may leave anything out.
bool may_quote(std::string_view text);

}  // namespace probewall::rules
