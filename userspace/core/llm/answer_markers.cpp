// SPDX-License-Identifier: Apache-2.0
// What answers give away about the server that wrote them.
#include <algorithm>
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

/// Finds any marker of a list by looking at a pair of bytes here and there (Wu and Manber, "A fast
/// algorithm for multi-pattern searching", 1994): most pairs occur in no marker's first `width`
/// bytes, and then the next marker can end no earlier than `width - 1` bytes on. Bit 0x20 is set in
/// every byte: good for comparisons with and without case.
template <std::size_t N>
struct MarkerIndex {
  static constexpr std::size_t kBuckets = 2048;
  std::size_t width = 0;                       ///< length of the shortest marker
  std::array<std::uint8_t, kBuckets> skip{};   ///< 0: a marker's first `width` bytes may end here
  std::array<std::uint8_t, kBuckets> first{};  ///< number of a marker that may, from 1
  std::array<std::uint8_t, N + 1> next{};      ///< another one in the same bucket

  static constexpr std::size_t bucket(char before, char last) {
    const auto low = static_cast<std::uint32_t>(static_cast<unsigned char>(before) | 0x20u);
    const auto high = static_cast<std::uint32_t>(static_cast<unsigned char>(last) | 0x20u);
    return ((low | high << 8) * 0x9E3779B1u) >> 21;
  }

  explicit constexpr MarkerIndex(const Marker (&markers)[N]) {
    width = markers[0].text.size();
    for (const Marker& marker : markers) width = std::min(width, marker.text.size());
    skip.fill(static_cast<std::uint8_t>(width - 1));
    for (std::size_t m = 1; m <= N; ++m) {
      const std::string_view text = markers[m - 1].text;
      for (std::size_t i = 1; i < width; ++i) {
        std::uint8_t& known = skip[bucket(text[i - 1], text[i])];
        known = std::min(known, static_cast<std::uint8_t>(width - 1 - i));
      }
      std::uint8_t& head = first[bucket(text[width - 2], text[width - 1])];
      next[m] = head;
      head = static_cast<std::uint8_t>(m);
    }
  }
};
constexpr MarkerIndex kServerIndex{kServerMarkers};
constexpr MarkerIndex kBodyIndex{kBodyMarkers};

/// The earliest marker of the list that occurs in `text`.
template <std::size_t N, typename Equal>
Impl find_marker(std::string_view text, const Marker (&markers)[N], const MarkerIndex<N>& index,
                 Equal equal) {
  std::size_t best = N + 1;
  for (std::size_t end = index.width - 1; end < text.size();) {
    const std::size_t bucket = index.bucket(text[end - 1], text[end]);
    if (const std::size_t skip = index.skip[bucket]; skip > 0) {
      end += skip;
      continue;
    }
    const std::string_view rest = text.substr(end + 1 - index.width);
    for (std::size_t m = index.first[bucket]; m != 0; m = index.next[m]) {
      const std::string_view wanted = markers[m - 1].text;
      if (m < best && equal(rest.substr(0, wanted.size()), wanted)) best = m;
    }
    ++end;
  }
  return best == N + 1 ? Impl::kUnknown : markers[best - 1].impl;
}

}  // namespace

Impl impl_of_answer(std::string_view head_and_body) {
  const auto head = head_and_body.substr(0, head_and_body.find("\r\n\r\n"));
  const Impl by_head = find_marker(head, kServerMarkers, kServerIndex, equals_lower);
  if (by_head != Impl::kUnknown) return by_head;
  const auto same = [](std::string_view a, std::string_view b) { return a == b; };
  return find_marker(head_and_body.substr(head.size()), kBodyMarkers, kBodyIndex, same);
}

}  // namespace probewall
