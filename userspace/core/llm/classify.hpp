// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/http/request_head.hpp"
#include "core/llm/fields.hpp"

namespace probewall {

struct Classified {
  Api api = Api::kNone;
  Impl impl = Impl::kUnknown;
};

/// Which API a request speaks and whose path or format it is: by path (percent-decoded, doubled
/// slashes and a trailing one removed, proxy prefixes such as /ollama or /openai allowed), else by
/// the body's shape.
Classified classify(const RequestHead& head, const LlmFields& fields);

/// The product an answer gives away: Server header, then markers in head and body prefix.
Impl impl_of_answer(std::string_view head_and_body);

/// Whether `marker` occurs in `text`, blanks after `:`, `,`, `[` and `{` left aside.
bool holds_json(std::string_view text, std::string_view marker);

}  // namespace probewall
