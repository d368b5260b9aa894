// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "core/llm/fields.hpp"

namespace probewall {

/// Deepest nesting that is read; what lies deeper is passed over.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Reads a JSON body, whole or cut anywhere, of the OpenAI (chat, completions, responses), Ollama,
/// Anthropic, Gemini, TGI, Triton, llama.cpp and MCP formats. Field names compare without case, as
/// Go's encoding/json does, and the last of several equal ones wins. Iterative, linear in `body`,
/// never fails: what is not JSON gives is_json = false.
///
/// A reader that is used again allocates little; one for each thread.
class LlmFieldsReader {
 public:
  LlmFieldsReader();
  ~LlmFieldsReader();
  /// Replaces what `out` holds.
  void read(std::string_view body, LlmFields& out);

 private:
  class State;
  std::unique_ptr<State> state_;
};
LlmFields read_llm_fields(std::string_view body);

}  // namespace probewall
