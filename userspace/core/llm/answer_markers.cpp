// SPDX-License-Identifier: Apache-2.0
// What answers give away about the server that wrote them.
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

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

/// The markers of a list, found by their first four bytes: one look at each position of the text.
/// Bit 0x20 is set in every byte: good for both kinds of comparison.
template <std::size_t N>
struct MarkerIndex {
  static constexpr std::size_t kBuckets = 1024;
  std::array<std::uint8_t, kBuckets> first{};  ///< number of a marker, from 1; 0: none
  std::array<std::uint8_t, N + 1> next{};      ///< another one in the same bucket
  std::array<std::uint32_t, N + 1> four{};

  static constexpr std::size_t bucket(std::uint32_t four) { return (four * 0x9E3779B1u) >> 22; }

  static_assert(std::endian::native == std::endian::little, "first bytes are the lowest");
  explicit constexpr MarkerIndex(const Marker (&markers)[N]) {
    for (std::size_t m = N; m > 0; --m) {  // so that a bucket's markers are in their order
      std::uint32_t bytes = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        bytes |= std::uint32_t{static_cast<unsigned char>(markers[m - 1].text[i])} << (8 * i);
      }
      four[m] = bytes | 0x20202020u;
      next[m] = first[bucket(four[m])];
      first[bucket(four[m])] = static_cast<std::uint8_t>(m);
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
  for (std::size_t pos = 0; pos + 4 <= text.size(); ++pos) {
    std::uint32_t four = 0;
    std::memcpy(&four, text.data() + pos, sizeof four);
    four |= 0x20202020u;
    for (std::size_t m = index.first[index.bucket(four)]; m != 0 && m < best; m = index.next[m]) {
      const std::string_view wanted = markers[m - 1].text;
      if (index.four[m] == four && equal(text.substr(pos, wanted.size()), wanted)) best = m;
    }
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
