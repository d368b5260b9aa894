// SPDX-License-Identifier: Apache-2.0
#include "core/llm/field_names.hpp"

#include <array>

#include "core/http/text.hpp"

namespace probewall {
namespace {

struct Entry {
  std::string_view name;  // lower case
  FieldName field;
};

constexpr Entry kEntries[] = {
    {"model", FieldName::kModel},
    {"name", FieldName::kName},
    {"messages", FieldName::kMessages},
    {"prompt", FieldName::kPrompt},
    {"input", FieldName::kInput},
    {"inputs", FieldName::kInput},
    {"text", FieldName::kText},
    {"text_input", FieldName::kText},
    {"system", FieldName::kSystem},
    {"instructions", FieldName::kSystem},
    {"systeminstruction", FieldName::kSystemInstruction},
    {"system_instruction", FieldName::kSystemInstruction},
    {"contents", FieldName::kContents},
    {"max_tokens", FieldName::kMaxTokens},
    {"max_completion_tokens", FieldName::kMaxTokens},
    {"max_output_tokens", FieldName::kMaxTokens},
    {"maxoutputtokens", FieldName::kMaxTokens},
    {"max_new_tokens", FieldName::kMaxTokens},
    {"max_length", FieldName::kMaxTokens},
    {"num_predict", FieldName::kMaxTokens},
    {"n_predict", FieldName::kMaxTokens},
    {"n", FieldName::kChoices},
    {"best_of", FieldName::kChoices},
    {"num_return_sequences", FieldName::kChoices},
    {"candidatecount", FieldName::kChoices},
    {"candidate_count", FieldName::kChoices},
    {"options", FieldName::kOptions},
    {"generationconfig", FieldName::kOptions},
    {"generation_config", FieldName::kOptions},
    {"parameters", FieldName::kOptions},
    {"sampling_params", FieldName::kOptions},
    {"stream", FieldName::kStream},
    {"insecure", FieldName::kInsecure},
    {"tools", FieldName::kTools},
    {"functions", FieldName::kTools},
    {"method", FieldName::kMethod},
    {"params", FieldName::kParams},
    {"clientinfo", FieldName::kClientInfo},
    {"role", FieldName::kRole},
    {"content", FieldName::kContent},
    {"parts", FieldName::kParts},
    {"query", FieldName::kQuery},
    {"question", FieldName::kQuery},
    {"message", FieldName::kQuery},
    {"url", FieldName::kUrl},
    {"uri", FieldName::kUrl},
    {"image_url", FieldName::kUrl},
    {"audio_url", FieldName::kUrl},
    {"video_url", FieldName::kUrl},
    {"file_url", FieldName::kUrl},
    {"fileuri", FieldName::kUrl},
    {"file_uri", FieldName::kUrl},
    {"api_base", FieldName::kUrl},
    {"apibase", FieldName::kUrl},
    {"base_url", FieldName::kUrl},
    {"baseurl", FieldName::kUrl},
    {"endpoint", FieldName::kUrl},
    {"webhook", FieldName::kUrl},
    {"webhook_url", FieldName::kUrl},
    {"callback", FieldName::kUrl},
    {"callback_url", FieldName::kUrl},
    {"server_url", FieldName::kUrl},
    {"proxy", FieldName::kUrl},
    {"href", FieldName::kUrl},
    {"link", FieldName::kUrl},
    {"host", FieldName::kUrl},
    {"destination", FieldName::kPath},
    {"from", FieldName::kPath},
    {"path", FieldName::kPath},
    {"file", FieldName::kPath},
    {"filename", FieldName::kPath},
    {"source", FieldName::kPath},
    {"id", FieldName::kPath},
    {"modelfile", FieldName::kPath},
    {"config_url", FieldName::kPath},
    {"tool_calls", FieldName::kCallHistory},
    {"function_call", FieldName::kCallHistory},
    {"functioncall", FieldName::kCallHistory},
    {"functionresponse", FieldName::kCallHistory},
    {"tooluse", FieldName::kCallHistory},
    {"toolresult", FieldName::kCallHistory},
};

constexpr std::size_t kSlots = 256;

constexpr std::size_t slot_of(std::string_view key) {
  const auto low = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(ascii_lower(key[i])));
  };
  return (key.size() * 7 + low(0) * 31 + low(key.size() - 1) * 131 + low(key.size() / 2) * 17) %
         kSlots;
}

/// Open addressing, made at compile time; 0 means empty, else index + 1.
constexpr auto make_slots() {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t i = 0; i < std::size(kEntries); ++i) {
    std::size_t s = slot_of(kEntries[i].name);
    while (slots[s] != 0) s = (s + 1) % kSlots;
    slots[s] = static_cast<std::uint8_t>(i + 1);
  }
  return slots;
}
constexpr auto kIndex = make_slots();

}  // namespace

FieldName field_name(std::string_view key) {
  if (key.empty()) return FieldName::kOther;
  for (std::size_t s = slot_of(key); kIndex[s] != 0; s = (s + 1) % kSlots) {
    const Entry& e = kEntries[kIndex[s] - 1];
    if (key == e.name || equals_lower(key, e.name)) return e.field;
  }
  return FieldName::kOther;
}

}  // namespace probewall
