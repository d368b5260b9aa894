// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace probewall {

/// Whether `key` stands in manuals and tutorials, so that it says nothing of who sends it: what
/// libraries are given where no key is asked for (`EMPTY`, `ollama`, `not-needed`), and what
/// products are set up with by those who copy their first page (`sk-1234`). Compared without case.
bool is_well_known_key(std::string_view key);

/// Whether `key` is the place of a key that nobody filled in: `${OPENAI_API_KEY}`, `{{ api_key }}`,
/// `<your-key>`, `%API_KEY%`, `$API_KEY`. All of these are one and the same non-key.
bool is_unfilled_variable(std::string_view key);

}  // namespace probewall
