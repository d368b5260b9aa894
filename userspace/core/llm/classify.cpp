// SPDX-License-Identifier: Apache-2.0
#include "core/llm/classify.hpp"

#include <cstdint>

#include "core/http/text.hpp"
#include "core/llm/paths.hpp"

namespace probewall {
namespace {

using Match = PathMatch;

struct PathRule {
  std::string_view path;
  Match match;
  Api api;
  Impl impl;                   ///< kUnknown: several products have the path
  std::string_view with = {};  ///< top-level key, in lower case, that the body must have
};

/// First match wins: products' own paths before the formats that many share. Suffixes also match
/// behind a proxy's prefix. Words that any web application may have for a path (/score, /user/info)
/// are here only `with` what the body says, or not at all.
constexpr PathRule kRules[] = {
    // Ollama
    {"/api/generate", Match::kSuffix, Api::kOllamaGenerate, Impl::kOllama},
    {"/api/chat", Match::kSuffix, Api::kOllamaChat, Impl::kOllama},
    {"/api/tags", Match::kSuffix, Api::kModels, Impl::kOllama},
    {"/api/embed", Match::kSuffix, Api::kEmbeddings, Impl::kOllama},
    {"/api/embeddings", Match::kSuffix, Api::kEmbeddings, Impl::kOllama},
    {"/api/version", Match::kSuffix, Api::kInfo, Impl::kOllama},
    {"/api/pull", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/push", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/create", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/copy", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/delete", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/show", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/ps", Match::kSuffix, Api::kOllamaManage, Impl::kOllama},
    {"/api/blobs/", Match::kPrefix, Api::kOllamaManage, Impl::kOllama},
    {"/ollama/api/blobs/", Match::kPrefix, Api::kOllamaManage, Impl::kOllama},
    {"/api/experimental/web_search", Match::kSuffix, Api::kCompute, Impl::kOllama},
    {"/api/experimental/web_fetch", Match::kSuffix, Api::kCompute, Impl::kOllama},
    {"/api/experimental/", Match::kPrefix, Api::kOllamaManage, Impl::kOllama},
    {"/api/web_search", Match::kSuffix, Api::kCompute, Impl::kUnknown, "query"},
    {"/api/web_fetch", Match::kSuffix, Api::kCompute, Impl::kUnknown, "url"},
    {"/api/me", Match::kExact, Api::kInfo, Impl::kOllama},
    // LM Studio
    {"/lmstudio-greeting", Match::kSuffix, Api::kInfo, Impl::kLmStudio},
    {"/api/v0/models", Match::kSuffix, Api::kModels, Impl::kLmStudio},
    {"/api/v0/models/", Match::kPrefix, Api::kModels, Impl::kLmStudio},
    {"/api/v0/chat/completions", Match::kSuffix, Api::kChatCompletions, Impl::kLmStudio},
    {"/api/v0/completions", Match::kSuffix, Api::kCompletions, Impl::kLmStudio},
    {"/api/v0/embeddings", Match::kSuffix, Api::kEmbeddings, Impl::kLmStudio},
    {"/api/v1/chat", Match::kSuffix, Api::kChatCompletions, Impl::kLmStudio, "input"},
    {"/api/v1/models/load", Match::kSuffix, Api::kCompute, Impl::kLmStudio},
    {"/api/v1/models/unload", Match::kSuffix, Api::kInfo, Impl::kLmStudio},
    {"/api/v1/models/download", Match::kPrefix, Api::kInfo, Impl::kLmStudio},
    // Also of OpenRouter and its like, Lemonade and Open WebUI.
    {"/api/v1/models", Match::kSuffix, Api::kModels, Impl::kUnknown},
    // KoboldCpp
    {"/api/extra/generate", Match::kPrefix, Api::kCompletions, Impl::kKoboldCpp},
    {"/api/extra/tts", Match::kSuffix, Api::kCompute, Impl::kKoboldCpp},
    {"/api/extra/transcribe", Match::kSuffix, Api::kCompute, Impl::kKoboldCpp},
    {"/api/extra/", Match::kPrefix, Api::kInfo, Impl::kKoboldCpp},
    {"/api/v1/generate", Match::kSuffix, Api::kCompletions, Impl::kKoboldCpp},
    {"/api/v1/model", Match::kSuffix, Api::kInfo, Impl::kKoboldCpp},
    {"/api/v1/config/", Match::kPrefix, Api::kInfo, Impl::kKoboldCpp},
    {"/api/v1/info/version", Match::kSuffix, Api::kInfo, Impl::kKoboldCpp},
    {"/api/latest/", Match::kPrefix, Api::kInfo, Impl::kKoboldCpp},
    // Open WebUI
    {"/api/v1/auths", Match::kPrefix, Api::kInfo, Impl::kOpenWebUi},
    {"/api/config", Match::kExact, Api::kInfo, Impl::kOpenWebUi},
    {"/api/chat/completions", Match::kSuffix, Api::kChatCompletions, Impl::kOpenWebUi},
    {"/api/models", Match::kExact, Api::kModels, Impl::kOpenWebUi},
    {"/ollama/config", Match::kExact, Api::kInfo, Impl::kOpenWebUi},
    {"/openai/config", Match::kExact, Api::kInfo, Impl::kOpenWebUi},
    {"/api/changelog", Match::kExact, Api::kInfo, Impl::kOpenWebUi},
    {"/api/v1/utils/", Match::kPrefix, Api::kInfo, Impl::kOpenWebUi},
    {"/api/v1/configs", Match::kPrefix, Api::kInfo, Impl::kOpenWebUi},
    // llama.cpp
    {"/completion", Match::kSuffix, Api::kCompletions, Impl::kLlamaCpp},
    {"/infill", Match::kSuffix, Api::kCompletions, Impl::kLlamaCpp},
    {"/embedding", Match::kSuffix, Api::kEmbeddings, Impl::kLlamaCpp},
    {"/props", Match::kSuffix, Api::kInfo, Impl::kLlamaCpp},
    {"/slots", Match::kSuffix, Api::kInfo, Impl::kLlamaCpp},
    {"/slots/", Match::kPrefix, Api::kInfo, Impl::kLlamaCpp},
    {"/apply-template", Match::kSuffix, Api::kInfo, Impl::kLlamaCpp},
    {"/lora-adapters", Match::kSuffix, Api::kInfo, Impl::kLlamaCpp},
    {"/detokenize", Match::kSuffix, Api::kInfo, Impl::kUnknown},
    {"/tokenize", Match::kSuffix, Api::kInfo, Impl::kUnknown},
    // LocalAI
    {"/models/apply", Match::kSuffix, Api::kInfo, Impl::kLocalAi},
    {"/models/available", Match::kSuffix, Api::kInfo, Impl::kLocalAi},
    {"/models/galleries", Match::kSuffix, Api::kInfo, Impl::kLocalAi},
    {"/models/jobs", Match::kPrefix, Api::kInfo, Impl::kLocalAi},
    {"/models/delete/", Match::kPrefix, Api::kInfo, Impl::kLocalAi},
    {"/backends", Match::kPrefix, Api::kInfo, Impl::kLocalAi},
    // SGLang
    {"/get_server_info", Match::kSuffix, Api::kInfo, Impl::kSglang},
    {"/get_model_info", Match::kSuffix, Api::kInfo, Impl::kSglang},
    {"/model_info", Match::kSuffix, Api::kInfo, Impl::kSglang},
    {"/flush_cache", Match::kSuffix, Api::kInfo, Impl::kSglang},
    {"/update_weights_from_", Match::kPrefix, Api::kInfo, Impl::kSglang},
    {"/release_memory_occupation", Match::kExact, Api::kInfo, Impl::kSglang},
    {"/resume_memory_occupation", Match::kExact, Api::kInfo, Impl::kSglang},
    {"/load_lora_adapter", Match::kExact, Api::kInfo, Impl::kSglang},
    {"/unload_lora_adapter", Match::kExact, Api::kInfo, Impl::kSglang},
    // vLLM; /server_info is also SGLang's new name
    {"/server_info", Match::kSuffix, Api::kInfo, Impl::kVllm},
    {"/collective_rpc", Match::kSuffix, Api::kInfo, Impl::kVllm},
    {"/load_lora_adapter", Match::kSuffix, Api::kInfo, Impl::kVllm},
    {"/unload_lora_adapter", Match::kSuffix, Api::kInfo, Impl::kVllm},
    {"/invocations", Match::kSuffix, Api::kChatCompletions, Impl::kVllm},
    {"/reset_prefix_cache", Match::kExact, Api::kInfo, Impl::kVllm},
    {"/reset_mm_cache", Match::kExact, Api::kInfo, Impl::kVllm},
    {"/get_world_size", Match::kExact, Api::kInfo, Impl::kVllm},
    {"/is_sleeping", Match::kExact, Api::kInfo, Impl::kVllm},
    {"/wake_up", Match::kExact, Api::kInfo, Impl::kVllm},
    {"/sleep", Match::kExact, Api::kInfo, Impl::kVllm},
    {"/version", Match::kExact, Api::kInfo, Impl::kVllm},
    // text-generation-webui
    {"/v1/internal/", Match::kPrefix, Api::kInfo, Impl::kTextGen},
    // Xinference
    {"/v1/cluster/", Match::kPrefix, Api::kInfo, Impl::kXinference},
    {"/v1/model_registrations", Match::kPrefix, Api::kInfo, Impl::kXinference},
    // LiteLLM
    {"/health/readiness", Match::kExact, Api::kInfo, Impl::kLiteLlm},
    {"/health/liveliness", Match::kExact, Api::kInfo, Impl::kLiteLlm},
    {"/health/liveness", Match::kExact, Api::kInfo, Impl::kLiteLlm},
    {"/public/model_hub", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/key/", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/model/info", Match::kSuffix, Api::kInfo, Impl::kLiteLlm},
    {"/model/new", Match::kSuffix, Api::kInfo, Impl::kLiteLlm},
    {"/model_group/info", Match::kSuffix, Api::kInfo, Impl::kLiteLlm},
    {"/spend/", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/global/spend", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/config/pass_through_endpoint", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/get/config/callbacks", Match::kExact, Api::kInfo, Impl::kLiteLlm},
    {"/user/daily/activity", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/team/daily/activity", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    {"/ui/litellm", Match::kPrefix, Api::kInfo, Impl::kLiteLlm},
    // Triton and TensorRT-LLM
    {"/v2/repository/", Match::kPrefix, Api::kInfo, Impl::kTriton},
    {"/v2/health/", Match::kPrefix, Api::kInfo, Impl::kTriton},
    {"/v2/models/", Match::kPrefix, Api::kCompletions, Impl::kTriton},
    {"/v2", Match::kExact, Api::kInfo, Impl::kTriton},
    {"/health_generate", Match::kExact, Api::kInfo, Impl::kUnknown},  // SGLang's as well
    // Ray
    {"/api/serve/", Match::kPrefix, Api::kInfo, Impl::kRay},
    {"/api/jobs", Match::kPrefix, Api::kInfo, Impl::kRay},
    {"/api/job_agent/", Match::kPrefix, Api::kInfo, Impl::kRay},
    {"/api/v0/logs", Match::kPrefix, Api::kInfo, Impl::kRay},
    {"/api/cluster_status", Match::kExact, Api::kInfo, Impl::kRay},
    {"/log_proxy", Match::kExact, Api::kInfo, Impl::kRay},
    {"/nodes", Match::kExact, Api::kInfo, Impl::kRay},
    {"/-/routes", Match::kExact, Api::kInfo, Impl::kRay},
    // TGI
    {"/generate_stream", Match::kSuffix, Api::kCompletions, Impl::kTgi},
    {"/info", Match::kExact, Api::kInfo, Impl::kTgi},
    {"/generate", Match::kExact, Api::kCompletions, Impl::kTgi},  // see native_generate
    // MCP
    {"/mcp", Match::kSuffix, Api::kMcp, Impl::kMcp},
    {"/sse", Match::kSuffix, Api::kMcp, Impl::kMcp},
    {"/.well-known/oauth-protected-resource", Match::kPrefix, Api::kMcp, Impl::kMcp},
    {"/.well-known/mcp", Match::kPrefix, Api::kMcp, Impl::kMcp},
    // Anthropic
    {"/v1/messages", Match::kSuffix, Api::kAnthropicMessages, Impl::kAnthropic},
    {"/v1/messages/", Match::kPrefix, Api::kAnthropicMessages, Impl::kAnthropic},
    {"/v1/complete", Match::kSuffix, Api::kCompletions, Impl::kAnthropic},
    // Formats many servers share
    {"/chat/completions", Match::kSuffix, Api::kChatCompletions, Impl::kOpenAi},
    {"/completions", Match::kSuffix, Api::kCompletions, Impl::kOpenAi},
    {"/responses", Match::kSuffix, Api::kResponses, Impl::kOpenAi},
    {"/v1/responses/", Match::kPrefix, Api::kResponses, Impl::kOpenAi},
    {"/embeddings", Match::kSuffix, Api::kEmbeddings, Impl::kOpenAi},
    {"/rerank", Match::kSuffix, Api::kEmbeddings, Impl::kOther},
    {"/embed", Match::kSuffix, Api::kEmbeddings, Impl::kOther},
    {"/pooling", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "input"},
    {"/pooling", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "messages"},
    {"/classify", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "input"},
    {"/score", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "text_1"},
    {"/score", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "data_1"},
    {"/score", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "queries"},
    {"/score", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "documents"},
    {"/score", Match::kSuffix, Api::kEmbeddings, Impl::kOther, "label_token_ids"},
    {"/v1/audio/speech", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/v1/audio/transcriptions", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/v1/audio/translations", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/v1/images/generations", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/v1/images/edits", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/v1/images/variations", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/v1/moderations", Match::kSuffix, Api::kCompute, Impl::kOpenAi},
    {"/sdapi/v1/txt2img", Match::kSuffix, Api::kCompute, Impl::kOther},
    {"/sdapi/v1/img2img", Match::kSuffix, Api::kCompute, Impl::kOther},
    {"/v1beta/models", Match::kSuffix, Api::kModels, Impl::kGemini},
    {"/v1beta/models/", Match::kPrefix, Api::kModels, Impl::kGemini},
    {"/v1/models", Match::kSuffix, Api::kModels, Impl::kOpenAi},
    {"/v1/models/", Match::kPrefix, Api::kModels, Impl::kOpenAi},
    {"/models", Match::kSuffix, Api::kModels, Impl::kOpenAi},
};

bool has_key(const LlmFields& fields, std::string_view lower) {
  for (const auto& key : fields.top_keys) {
    if (equals_lower(key, lower)) return true;
  }
  return false;
}

/// models/NAME:generateContent and its relatives.
bool is_gemini_call(std::string_view path) {
  const auto colon = path.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto verb = path.substr(colon + 1);
  return verb == "generateContent" || verb == "streamGenerateContent" || verb == "countTokens" ||
         verb == "embedContent" || verb == "batchEmbedContents";
}

/// vLLM, SGLang and TGI call their native path the same; the body tells them apart.
Impl native_generate(const LlmFields& fields) {
  if (has_key(fields, "inputs")) return Impl::kTgi;
  if (has_key(fields, "prompt")) return Impl::kVllm;
  if (has_key(fields, "text") || has_key(fields, "input_ids")) return Impl::kSglang;
  return Impl::kTgi;
}

bool is_rpc(const LlmFields& fields) {
  return !fields.rpc_method.empty() && has_key(fields, "jsonrpc");
}

Classified by_body(const LlmFields& fields) {
  if (!fields.is_json) return {};
  if (is_rpc(fields)) return {Api::kMcp, Impl::kMcp};
  if (has_key(fields, "contents")) return {Api::kGemini, Impl::kGemini};
  if (has_key(fields, "messages")) return {Api::kChatCompletions, Impl::kUnknown};
  if (has_key(fields, "prompt") && has_key(fields, "model")) {
    return {Api::kCompletions, Impl::kUnknown};
  }
  return {};
}

}  // namespace

Classified classify(const RequestHead& head, const LlmFields& fields) {
  std::string decoded;
  const std::string_view path = clean_path(head.path, decoded);
  if (path == "/v1/chat/completions" && !is_rpc(fields)) {
    return {Api::kChatCompletions, Impl::kOpenAi};
  }
  if (is_gemini_call(path)) return {Api::kGemini, Impl::kGemini};
  // One path serves several formats at MCP servers and Anthropic's /messages.
  if (is_rpc(fields)) return {Api::kMcp, Impl::kMcp};
  if (path.ends_with("/messages") && head.target.find("sessionId=") != std::string::npos) {
    return {Api::kMcp, Impl::kMcp};
  }
  for (const PathRule& rule : kRules) {
    if (!path_matches(path, rule.path, rule.match)) continue;
    if (!rule.with.empty() && !has_key(fields, rule.with)) continue;
    return {rule.api, rule.path == "/generate" ? native_generate(fields) : rule.impl};
  }
  // TGI's oldest path, and that of everything in its place (Hugging Face's endpoints).
  if (path == "/" && has_key(fields, "inputs")) return {Api::kCompletions, Impl::kUnknown};
  return by_body(fields);
}

}  // namespace probewall
