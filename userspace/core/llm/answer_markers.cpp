// SPDX-License-Identifier: Apache-2.0
// What answers give away about the server that wrote them.
#include <array>
#include <cstdint>

#include "core/http/text.hpp"
#include "core/llm/classify.hpp"

namespace probewall {
namespace {

struct Marker {
  std::string_view text;
  Impl impl;
};

/// Compared with the header lines, without case.
constexpr Marker kServerMarkers[] = {
    {"server: llama.cpp", Impl::kLlamaCpp}, {"server: koboldcpp", Impl::kKoboldCpp},
    {"x-litellm-", Impl::kLiteLlm},         {"server: text-generation-inference", Impl::kTgi},
    {"nv-status", Impl::kTriton},           {"resource_metadata", Impl::kMcp},
    {"mcp-session-id", Impl::kMcp},         {"x-compute-type", Impl::kTgi},
    {"server: lm-studio", Impl::kLmStudio}, {"anthropic-", Impl::kAnthropic},
};

/// Case-sensitive, most telling first.
constexpr Marker kBodyMarkers[] = {
    {"Ollama is running", Impl::kOllama},
    {"\"lmstudio\":true", Impl::kLmStudio},
    {"Unexpected endpoint or method. (", Impl::kLmStudio},
    {"KoboldCpp", Impl::kKoboldCpp},
    {"koboldcpp", Impl::kKoboldCpp},
    {"\"owned_by\":\"llamacpp\"", Impl::kLlamaCpp},
    {"\"owned_by\": \"llamacpp\"", Impl::kLlamaCpp},
    {"default_generation_settings", Impl::kLlamaCpp},
    {"\"owned_by\":\"vllm\"", Impl::kVllm},
    {"\"owned_by\": \"vllm\"", Impl::kVllm},
    {"\"owned_by\":\"sglang\"", Impl::kSglang},
    {"mem_fraction_static", Impl::kSglang},
    {"disaggregation_mode", Impl::kSglang},
    {"max_batch_total_tokens", Impl::kTgi},
    {"docker_label", Impl::kTgi},
    {"localai_", Impl::kLocalAi},
    {"<title>LocalAI", Impl::kLocalAi},
    {"text-generation-webui", Impl::kTextGen},
    {"litellm_version", Impl::kLiteLlm},
    {"LiteLLM", Impl::kLiteLlm},
    {"Proxy Server to call 100+ LLMs", Impl::kLiteLlm},
    {"\"name\":\"Open WebUI\"", Impl::kOpenWebUi},
    {"Open WebUI", Impl::kOpenWebUi},
    {"Jan API Server", Impl::kJan},
    {"\"owned_by\":\"humanity\"", Impl::kGpt4All},
    {"\"owned_by\":\"tensorrt_llm\"", Impl::kTriton},
    {"Generation health check OK", Impl::kTriton},
    {"\"extensions\":[\"classification\"", Impl::kTriton},
    {"SERVE_CONTROLLER_ACTOR", Impl::kRay},
    {"Ray Dashboard", Impl::kRay},
    {"\"serverInfo\"", Impl::kMcp},
    {"Client must accept text/event-stream", Impl::kMcp},
    {"event: endpoint", Impl::kMcp},
    {"vllm:", Impl::kVllm},
    {"model_registrations", Impl::kXinference},
    {"xinference", Impl::kXinference},
    {"\"families\":", Impl::kOllama},
    {"\"eval_duration\":", Impl::kOllama},
    {"\"owned_by\":\"library\"", Impl::kOllama},
    {"\"type\":\"message\",\"role\":\"assistant\"", Impl::kAnthropic},
    {"\"usageMetadata\"", Impl::kGemini},
};

/// The first four bytes of all markers as bits, so that one pass over the answer looks at few
/// places twice. Bit 0x20 is set in every byte: good for both kinds of comparison.
using FirstBytes = std::array<std::uint64_t, 64>;

constexpr std::uint32_t bit_of(std::uint32_t four) {
  return ((four | 0x20202020u) * 0x9E3779B1u) >> 20;
}

template <std::size_t N>
constexpr FirstBytes first_bytes(const Marker (&markers)[N]) {
  FirstBytes bits{};
  for (const Marker& m : markers) {
    std::uint32_t four = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      four |= std::uint32_t{static_cast<unsigned char>(m.text[i])} << (8 * i);
    }
    const std::uint32_t bit = bit_of(four);
    bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  return bits;
}
constexpr FirstBytes kServerFirst = first_bytes(kServerMarkers);
constexpr FirstBytes kBodyFirst = first_bytes(kBodyMarkers);

/// The earliest marker of the list that occurs in `text`.
template <std::size_t N, typename Equal>
Impl find_marker(std::string_view text, const Marker (&markers)[N], const FirstBytes& first,
                 Equal equal) {
  std::size_t best = N;
  for (std::size_t pos = 0; pos + 4 <= text.size(); ++pos) {
    std::uint32_t four = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      four |= std::uint32_t{static_cast<unsigned char>(text[pos + i])} << (8 * i);
    }
    const std::uint32_t bit = bit_of(four);
    if ((first[bit / 64] >> (bit % 64) & 1) == 0) continue;
    for (std::size_t i = 0; i < best; ++i) {
      if (equal(text.substr(pos, markers[i].text.size()), markers[i].text)) best = i;
    }
  }
  return best == N ? Impl::kUnknown : markers[best].impl;
}

}  // namespace

Impl impl_of_answer(std::string_view head_and_body) {
  const auto head = head_and_body.substr(0, head_and_body.find("\r\n\r\n"));
  const Impl by_head = find_marker(head, kServerMarkers, kServerFirst, equals_lower);
  if (by_head != Impl::kUnknown) return by_head;
  const auto same = [](std::string_view a, std::string_view b) { return a == b; };
  return find_marker(head_and_body.substr(head.size()), kBodyMarkers, kBodyFirst, same);
}

}  // namespace probewall
