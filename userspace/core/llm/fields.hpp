// SPDX-License-Identifier: Apache-2.0
// What an LLM request says, read from a body that may stop anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace probewall {

/// Which API a request speaks, from its path and, where the path is shared, its body.
enum class Api : std::uint8_t {
  kNone,             ///< not an LLM path
  kChatCompletions,  ///< OpenAI POST .../chat/completions
  kCompletions,      ///< OpenAI POST .../completions, llama.cpp /completion
  kResponses,        ///< OpenAI POST .../responses
  kEmbeddings,
  kModels,  ///< model lists: /v1/models, /api/tags, /api/v0/models
  kOllamaGenerate,
  kOllamaChat,
  kOllamaManage,  ///< pull, push, create, copy, delete, show, ps, version
  kAnthropicMessages,
  kGemini,   ///< .../models/NAME:generateContent
  kMcp,      ///< JSON-RPC initialize, tools/list...
  kInfo,     ///< a product's own information path: /props, /api/version, /lmstudio-greeting...
  kCompute,  ///< other work: speech, pictures, moderation, a model loaded, a search in the web
  kCount
};
/// Whether the server computes for it: chat, completions, embeddings, speech, pictures... in any
/// product's format.
bool is_generation(Api api);
const char* to_string(Api api);  ///< "chat_completions", "ollama_chat"...; metrics label values

/// The server product a path or an answer belongs to. Order is that of pw_service where it exists.
enum class Impl : std::uint8_t {
  kUnknown,
  kOllama,
  kLlamaCpp,
  kLmStudio,
  kLocalAi,
  kVllm,
  kSglang,
  kTgi,
  kTextGen,
  kKoboldCpp,
  kXinference,
  kLiteLlm,
  kOpenWebUi,
  kJan,
  kGpt4All,
  kTriton,
  kRay,
  kMcp,
  kOpenAi,
  kAnthropic,
  kGemini,
  kOther,
  kCount
};
const char* to_string(Impl impl);  ///< "ollama", "llama.cpp", "lmstudio", "open-webui"...

/// What a JSON body says in numbers and flags.
struct LlmFacts {
  bool is_json = false;           ///< the first significant byte opened an object or array
  bool complete = false;          ///< the document ended inside the bytes seen
  std::size_t document_size = 0;  ///< when complete: bytes up to and with its last one
  bool malformed = false;         ///< a byte no JSON text can have there
  std::optional<std::int64_t>
      max_tokens;             ///< max_tokens, max_completion_tokens, max_output_tokens, num_predict
  std::uint32_t choices = 0;  ///< n, best_of, candidateCount, the largest; 0: not said
  std::optional<bool> stream;
  std::uint32_t message_count = 0;
  std::uint32_t tool_count = 0;
  std::optional<bool> insecure;  ///< Ollama pull/push
};

/// How much is asked for: `max_tokens`, times what `choices` is above the ordinary (up to eight
/// answers to choose from are, and count once). Unset without `max_tokens`; never overflows.
std::optional<std::int64_t> tokens_asked(const LlmFacts& facts);

/// A scalar in a JSON body, by offsets into the body, strings without their quotes. In an array it
/// has the array's name.
struct ScalarPlace {
  std::uint32_t name = 0;
  std::uint32_t value = 0;
  std::uint32_t value_size = 0;
  std::uint16_t name_size = 0;
  bool is_string = false;
  bool escaped = false;  ///< something in the value is
};

/// A JSON body's LLM fields. Every field may be absent: the body may be cut, empty or not JSON.
struct LlmFields : LlmFacts {
  std::string model;               ///< also Ollama's "name"; cut to 256 bytes
  std::vector<std::string> roles;  ///< in order, at most 64
  std::string system_text;         ///< first system/developer text, cut to kTextBytes
  std::string user_text;           ///< last user text (chat), prompt (generate), input (responses)
  std::vector<std::string>
      urls;  ///< values of URL-shaped fields: image_url, url, api_base, name... (at most 8)
  std::string rpc_method;             ///< JSON-RPC "method" (MCP)
  std::string client_name;            ///< MCP clientInfo.name
  std::vector<std::string> top_keys;  ///< top-level keys in order, at most 32, each cut to 64 bytes

  /// The first kMaxScalars scalars, in order, but for those in a history of tool calls. Only of a
  /// whole body without a fault and with plain names: `scalars_known`.
  std::vector<ScalarPlace> scalars;
  bool scalars_known = false;

  static constexpr std::size_t kMaxScalars = 64;
  static constexpr std::size_t kTextBytes = 1024;

  /// As a fresh one, but for the memory its texts and lists have.
  void clear();
};

}  // namespace probewall
