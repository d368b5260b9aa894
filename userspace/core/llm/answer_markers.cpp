// SPDX-License-Identifier: Apache-2.0
// What answers give away about the server that wrote them.
#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>

#include "core/http/text.hpp"
#include "core/llm/classify.hpp"

namespace probewall {
namespace {

struct Marker {
  std::string_view text;
  Impl impl;                   ///< kUnknown: only a part of other rows
  std::string_view also = {};  ///< another row's text that must occur, too
};

/// Compared with the header lines, without case. A name follows its line's start: values name other
/// products' headers (Access-Control-Allow-Headers).
constexpr Marker kServerMarkers[] = {
    {"\nserver: llama.cpp", Impl::kLlamaCpp},
    {"\nserver: koboldcpp", Impl::kKoboldCpp},
    {"\nx-litellm-", Impl::kLiteLlm},
    {"\nserver: text-generation-inference", Impl::kTgi},
    {"\nnv-status:", Impl::kTriton},
    {"resource_metadata=", Impl::kMcp},
    {"\nmcp-session-id:", Impl::kMcp},
    {"\nx-compute-type:", Impl::kTgi},
    {"\nserver: lm-studio", Impl::kLmStudio},
    {"\nanthropic-", Impl::kAnthropic},
    {"\nopenai-processing-ms:", Impl::kOpenAi},
    {"\nopenai-organization:", Impl::kOpenAi},
    {"\nopenai-version:", Impl::kOpenAi},
};

/// Case-sensitive, most telling first. What a model says and which model a client asks for must not
/// name a product: a marker holds a JSON key with its quotes, or begins a line (inside a JSON
/// string quotes and line ends are escaped). Blanks after `:`, `,`, `[` and `{` do not matter.
constexpr Marker kBodyMarkers[] = {
    {"\nOllama is running", Impl::kOllama},
    {"\"lmstudio\":true", Impl::kLmStudio},
    {"\"error\":\"Unexpected endpoint or method. (", Impl::kLmStudio},
    {"\"compatibility_type\":", Impl::kLmStudio},
    {"\"owned_by\":\"organization_owner\"", Impl::kLmStudio},
    // KoboldCpp speaks Ollama's format, too.
    {"\"result\":\"KoboldCpp\"", Impl::kKoboldCpp},
    {"\"result\":\"koboldcpp/", Impl::kKoboldCpp},
    {"\"owned_by\":\"koboldcpp\"", Impl::kKoboldCpp},
    {"\"family\":\"koboldcpp\"", Impl::kKoboldCpp},
    {"\"owned_by\":\"llamacpp\"", Impl::kLlamaCpp},
    {"\"default_generation_settings\":", Impl::kLlamaCpp},
    {"\"timings\":{\"prompt_n\":", Impl::kLlamaCpp},
    {"\"timings\":{\"cache_n\":", Impl::kLlamaCpp},
    {"\"tokens_predicted\":", Impl::kLlamaCpp},
    {"\"message\":\"Invalid API Key\",\"type\":\"authentication_error\"", Impl::kLlamaCpp},
    {"\"message\":\"Loading model\",\"type\":\"unavailable_error\"", Impl::kLlamaCpp},
    {"\n# HELP llamacpp:", Impl::kLlamaCpp},
    {"\"owned_by\":\"sglang\"", Impl::kSglang},
    {"\"mem_fraction_static\":", Impl::kSglang},
    {"\"disaggregation_mode\":", Impl::kSglang},
    {"\"is_generation\":", Impl::kSglang},
    {"\"matched_stop\":", Impl::kSglang},
    {"\n# HELP sglang:", Impl::kSglang},
    {"\"owned_by\":\"tensorrt_llm\"", Impl::kTriton},
    {"\"disaggregated_params\":", Impl::kTriton},
    {"\nGeneration health check OK", Impl::kTriton},
    {"\"extensions\":[\"classification\"", Impl::kTriton},
    {"\"error\":\"Request for unknown model:", Impl::kTriton},
    {"\"owned_by\":\"vllm\"", Impl::kVllm},
    {"\"system_fingerprint\":\"vllm-", Impl::kVllm},
    {"\"kv_transfer_params\":", Impl::kVllm},
    {"\"prompt_logprobs\":", Impl::kVllm},
    {"` does not exist.\",\"type\":\"NotFoundError\"", Impl::kVllm},
    {"\n# HELP vllm:", Impl::kVllm},
    {"\"max_batch_total_tokens\":", Impl::kTgi},
    {"\"docker_label\":", Impl::kTgi},
    {"\"model_pipeline_tag\":", Impl::kTgi},
    {"\"error_type\":\"validation\"", Impl::kTgi},
    {"\n# HELP localai_", Impl::kLocalAi},
    {"\nlocalai_", Impl::kLocalAi},
    {"\"gallery_element_name\":", Impl::kLocalAi},
    {"\"backends\":", Impl::kLocalAi, "\"loaded_models\":"},
    {"\"loaded_models\":", Impl::kUnknown},
    {"\"lora_names\":", Impl::kTextGen},
    {"\"object\":\"model\",\"created\":0,\"owned_by\":\"user\"", Impl::kTextGen},
    {"\"litellm_version\":", Impl::kLiteLlm},
    {"\"litellm_params\":", Impl::kLiteLlm},
    {"\"healthy_endpoints\":", Impl::kLiteLlm},
    {"\"message\":\"litellm.", Impl::kLiteLlm},
    {"\"message\":\"Authentication Error, ", Impl::kLiteLlm, "\"type\":\"auth_error\""},
    {"\"type\":\"auth_error\"", Impl::kUnknown},
    {"\"name\":\"Open WebUI\"", Impl::kOpenWebUi},
    {"\"features\":{\"auth\":", Impl::kOpenWebUi},
    {"\"deployment_id\":\"\"", Impl::kOpenWebUi},
    {"\"owned_by\":\"janhq\"", Impl::kJan},
    {"\"owned_by\":\"humanity\"", Impl::kGpt4All},
    {"\"actor_name\":\"SERVE_CONTROLLER_ACTOR\"", Impl::kRay},
    {"\"ray_version\":", Impl::kRay},
    {"\"submission_id\":\"raysubmit_", Impl::kRay},
    {"\"serverInfo\":", Impl::kMcp},
    {"\"message\":\"Not Acceptable: Client must accept ", Impl::kMcp},
    {"\nevent: endpoint", Impl::kMcp},
    {"\"owned_by\":\"xinference\"", Impl::kXinference},
    {"\"model_ability\":", Impl::kXinference},
    {"\"node_type\":\"Supervisor\"", Impl::kXinference},
    {"\"families\":", Impl::kOllama},
    {"\"eval_duration\":", Impl::kOllama},
    {"\"owned_by\":\"library\"", Impl::kOllama},
    {"\"system_fingerprint\":\"fp_ollama\"", Impl::kOllama},
    {"\"created_at\":\"", Impl::kOllama, "\"done\":"},
    {"\"done\":", Impl::kUnknown},
    {" not found, try pulling it first\"", Impl::kOllama, "\"error\":\"model "},
    {" not found, try pulling it first\",\"type\":", Impl::kOllama, "\"message\":\"model "},
    {"' not found\"}", Impl::kOllama, "\"error\":\"model "},
    {"' not found\",\"type\":\"api_error\"", Impl::kOllama, "\"message\":\"model "},
    {"' not found\",\"type\":\"not_found_error\"", Impl::kOllama, "\"message\":\"model "},
    {"\"error\":\"model ", Impl::kUnknown},
    {"\"message\":\"model ", Impl::kUnknown},
    // Formats that other servers speak as well: last.
    {"\"type\":\"message\",\"role\":\"assistant\"", Impl::kAnthropic},
    {"\"type\":\"error\",\"error\":{\"type\":\"", Impl::kAnthropic},
    {"\"usageMetadata\":", Impl::kGemini},
    {"\"status\":\"PERMISSION_DENIED\"", Impl::kGemini, "\"error\":{\"code\":"},
    {"\"status\":\"UNAUTHENTICATED\"", Impl::kGemini, "\"error\":{\"code\":"},
    {"\"status\":\"INVALID_ARGUMENT\"", Impl::kGemini, "\"error\":{\"code\":"},
    {"\"status\":\"NOT_FOUND\"", Impl::kGemini, "\"error\":{\"code\":"},
    {"\"status\":\"RESOURCE_EXHAUSTED\"", Impl::kGemini, "\"error\":{\"code\":"},
    {"\"error\":{\"code\":", Impl::kUnknown},
};

/// Plain words: only in what no model writes, a page or an OpenAPI document.
constexpr Marker kPageMarkers[] = {
    {"<title>LocalAI", Impl::kLocalAi},
    {"<title>KoboldAI Lite", Impl::kKoboldCpp},
    {"text-generation-webui/user_data", Impl::kTextGen},
    {"Proxy Server to call 100+ LLMs", Impl::kLiteLlm},
    {"LiteLLM API", Impl::kLiteLlm},
    {"<title>Open WebUI", Impl::kOpenWebUi},
    {"content=\"Open WebUI", Impl::kOpenWebUi},
    {"Jan API Server", Impl::kJan},
    {"<title>Ray Dashboard", Impl::kRay},
    {"/v1/model_registrations/", Impl::kXinference},
};

/// After these, JSON writers put blanks or not.
constexpr bool opens_gap(char c) { return c == ':' || c == ',' || c == '[' || c == '{'; }
constexpr bool is_gap(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// How many bytes of the marker stand in a text without blanks between them.
constexpr std::size_t solid_bytes(std::string_view marker) {
  for (std::size_t i = 0; i < marker.size(); ++i) {
    if (opens_gap(marker[i])) return i + 1;
  }
  return marker.size();
}

/// Whether `text` begins with the marker, blanks after punctuation left aside. `solid` is
/// solid_bytes(marker).
bool begins_with_json(std::string_view text, std::string_view marker, std::size_t solid) {
  if (text.substr(0, solid) != marker.substr(0, solid)) return false;
  std::size_t at = solid;
  for (std::size_t m = solid; m < marker.size(); ++m, ++at) {
    if (opens_gap(marker[m - 1]) && !is_gap(marker[m])) {
      while (at < text.size() && is_gap(text[at])) ++at;
    }
    if (at >= text.size() || text[at] != marker[m]) return false;
  }
  return true;
}

bool begins_with_line(std::string_view text, std::string_view lower, std::size_t) {
  return equals_lower(text.substr(0, lower.size()), lower);
}

/// Finds any marker of a list by looking at a pair of bytes here and there (Wu and Manber, "A fast
/// algorithm for multi-pattern searching", 1994): most pairs occur in no marker's first `width`
/// bytes, and then the next marker can end no earlier than `width - 1` bytes on. Bit 0x20 is set in
/// every byte: good for comparisons with and without case.
template <std::size_t N>
struct MarkerIndex {
  static constexpr std::size_t kBuckets = 2048;
  std::size_t width = 0;                       ///< fewest bytes that stand as they are
  std::array<std::uint8_t, kBuckets> skip{};   ///< 0: a marker's first `width` bytes may end here
  std::array<std::uint8_t, kBuckets> first{};  ///< number of a marker that may, from 1
  std::array<std::uint8_t, N + 1> next{};      ///< another one in the same bucket
  std::array<std::uint8_t, N + 1> also{};      ///< the one that must occur, too; 0: none
  std::array<std::uint32_t, N + 1> start{};    ///< its first four bytes, bit 0x20 set
  std::array<std::uint8_t, N + 1> solid{};     ///< its solid_bytes()

  static constexpr std::size_t bucket(char before, char last) {
    const auto low = static_cast<std::uint32_t>(static_cast<unsigned char>(before) | 0x20u);
    const auto high = static_cast<std::uint32_t>(static_cast<unsigned char>(last) | 0x20u);
    return ((low | high << 8) * 0x9E3779B1u) >> 21;
  }

  /// Four bytes at once, alike in either case.
  static constexpr std::uint32_t four(const char* at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      word |= static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])) << 8 * i;
    }
    return word | 0x20202020u;
  }

  /// 0 without a text. A text that is no row does not compile.
  static constexpr std::uint8_t number_of(const Marker (&markers)[N], std::string_view text) {
    if (text.empty()) return 0;
    for (std::size_t m = 1; m <= N; ++m) {
      if (markers[m - 1].text == text) return static_cast<std::uint8_t>(m);
    }
    throw "a marker's other half is no row";
  }

  explicit constexpr MarkerIndex(const Marker (&markers)[N]) {
    width = solid_bytes(markers[0].text);
    for (const Marker& marker : markers) width = std::min(width, solid_bytes(marker.text));
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
      also[m] = number_of(markers, markers[m - 1].also);
      start[m] = four(text.data());
      solid[m] = static_cast<std::uint8_t>(solid_bytes(text));
    }
  }
};
constexpr MarkerIndex kServerIndex{kServerMarkers};
constexpr MarkerIndex kBodyIndex{kBodyMarkers};
constexpr MarkerIndex kPageIndex{kPageMarkers};
static_assert(kServerIndex.width >= 5 && kBodyIndex.width >= 5 && kPageIndex.width >= 5,
              "short markers make the search slow");

/// The product of the earliest row that occurs in `text`, with its other half if it has one.
template <std::size_t N, typename Begins>
Impl find_marker(std::string_view text, const Marker (&markers)[N], const MarkerIndex<N>& index,
                 Begins begins) {
  std::bitset<N + 1> seen;
  for (std::size_t end = index.width - 1; end < text.size();) {
    const std::size_t bucket = index.bucket(text[end - 1], text[end]);
    if (const std::size_t skip = index.skip[bucket]; skip > 0) {
      end += skip;
      continue;
    }
    const std::string_view rest = text.substr(end + 1 - index.width);
    const std::uint32_t start = index.four(rest.data());
    for (std::size_t m = index.first[bucket]; m != 0; m = index.next[m]) {
      const bool may = start == index.start[m] && !seen[m];
      if (may && begins(rest, markers[m - 1].text, index.solid[m])) seen[m] = true;
    }
    ++end;
  }
  if (seen.none()) return Impl::kUnknown;
  for (std::size_t m = 1; m <= N; ++m) {
    const bool whole = seen[m] && (index.also[m] == 0 || seen[index.also[m]]);
    if (whole && markers[m - 1].impl != Impl::kUnknown) return markers[m - 1].impl;
  }
  return Impl::kUnknown;
}

/// Whether the body, behind the length of a first chunk, is HTML or an OpenAPI document.
bool is_page(std::string_view body) {
  constexpr std::size_t kFraming = 24;
  const std::size_t at = find_any<'<', '{'>(body.substr(0, kFraming));
  if (at == std::string_view::npos) return false;
  return body[at] == '<' || begins_with_json(body.substr(at), "{\"openapi\":", 1);
}

}  // namespace

Impl impl_of_answer(std::string_view head_and_body) {
  const auto head = head_and_body.substr(0, head_and_body.find("\r\n\r\n"));
  const Impl by_head = find_marker(head, kServerMarkers, kServerIndex, begins_with_line);
  if (by_head != Impl::kUnknown) return by_head;
  const auto body = head_and_body.substr(head.size());
  const Impl by_body = find_marker(body, kBodyMarkers, kBodyIndex, begins_with_json);
  if (by_body != Impl::kUnknown || !is_page(body)) return by_body;
  return find_marker(body, kPageMarkers, kPageIndex, begins_with_json);
}

}  // namespace probewall
