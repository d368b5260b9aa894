// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/llm/fields.hpp"

namespace probewall {

std::optional<std::int64_t> tokens_asked(const LlmFacts& facts) {
  constexpr std::uint32_t kOrdinary = 8;
  if (!facts.max_tokens || *facts.max_tokens <= 0 || facts.choices <= kOrdinary)
    return facts.max_tokens;
  // 2^31 tokens are more than any limit; times 2^32 choices they still fit.
  const std::int64_t each = std::min<std::int64_t>(*facts.max_tokens, std::int64_t{1} << 31);
  return std::max(*facts.max_tokens, each * facts.choices / kOrdinary);
}

bool is_generation(Api api) {
  switch (api) {
    case Api::kChatCompletions:
    case Api::kCompletions:
    case Api::kResponses:
    case Api::kEmbeddings:
    case Api::kOllamaGenerate:
    case Api::kOllamaChat:
    case Api::kAnthropicMessages:
    case Api::kGemini:
    case Api::kCompute:
      return true;
    default:
      return false;
  }
}

const char* to_string(Api api) {
  switch (api) {
    case Api::kNone:
    case Api::kCount:
      return "none";
    case Api::kChatCompletions:
      return "chat_completions";
    case Api::kCompletions:
      return "completions";
    case Api::kResponses:
      return "responses";
    case Api::kEmbeddings:
      return "embeddings";
    case Api::kModels:
      return "models";
    case Api::kOllamaGenerate:
      return "ollama_generate";
    case Api::kOllamaChat:
      return "ollama_chat";
    case Api::kOllamaManage:
      return "ollama_manage";
    case Api::kAnthropicMessages:
      return "anthropic_messages";
    case Api::kGemini:
      return "gemini";
    case Api::kMcp:
      return "mcp";
    case Api::kInfo:
      return "info";
    case Api::kCompute:
      return "compute";
  }
  return "none";
}

const char* to_string(Impl impl) {
  switch (impl) {
    case Impl::kUnknown:
    case Impl::kCount:
      return "unknown";
    case Impl::kOllama:
      return "ollama";
    case Impl::kLlamaCpp:
      return "llama.cpp";
    case Impl::kLmStudio:
      return "lmstudio";
    case Impl::kLocalAi:
      return "localai";
    case Impl::kVllm:
      return "vllm";
    case Impl::kSglang:
      return "sglang";
    case Impl::kTgi:
      return "tgi";
    case Impl::kTextGen:
      return "text-generation-webui";
    case Impl::kKoboldCpp:
      return "koboldcpp";
    case Impl::kXinference:
      return "xinference";
    case Impl::kLiteLlm:
      return "litellm";
    case Impl::kOpenWebUi:
      return "open-webui";
    case Impl::kJan:
      return "jan";
    case Impl::kGpt4All:
      return "gpt4all";
    case Impl::kTriton:
      return "triton";
    case Impl::kRay:
      return "ray";
    case Impl::kMcp:
      return "mcp";
    case Impl::kOpenAi:
      return "openai";
    case Impl::kAnthropic:
      return "anthropic";
    case Impl::kGemini:
      return "gemini";
    case Impl::kOther:
      return "other";
  }
  return "unknown";
}

}  // namespace probewall
