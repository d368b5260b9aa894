// SPDX-License-Identifier: Apache-2.0
#include "core/servers/access_paths.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/llm/classify.hpp"
#include "core/llm/paths.hpp"

namespace probewall {
namespace {

using Match = PathMatch;

/// How the answer shows that it is the product's and not another web application's.
enum class Sign : std::uint8_t {
  kPath,   ///< nobody else has the path
  kServer  ///< any application may have it: only where other answers named the product
};

struct Row {
  std::string_view path;
  Match match;
  Access access;
  Impl impl;
  Sign sign = Sign::kPath;
  std::string_view holds = {};  ///< the answer must have it (see holds_json())
};

/// GET. The rest of what is read is known by its API.
constexpr Row kRead[] = {
    {"/api/show", Match::kSuffix, Access::kModels, Impl::kOllama},
    {"/api/ps", Match::kSuffix, Access::kModels, Impl::kOllama},
    {"/slots", Match::kExact, Access::kPrompts, Impl::kLlamaCpp},
    {"/flush_cache", Match::kSuffix, Access::kManagement, Impl::kSglang},
    {"/release_memory_occupation", Match::kExact, Access::kManagement, Impl::kSglang},
    {"/resume_memory_occupation", Match::kExact, Access::kManagement, Impl::kSglang},
    // Answered to somebody who may not manage, these say who else does.
    {"/key/list", Match::kExact, Access::kManagement, Impl::kLiteLlm},
    {"/key/info", Match::kExact, Access::kManagement, Impl::kLiteLlm},
    {"/spend/logs", Match::kExact, Access::kManagement, Impl::kLiteLlm},
    {"/user/list", Match::kExact, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/team/list", Match::kExact, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/config/yaml", Match::kExact, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/credentials", Match::kExact, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/api/jobs", Match::kPrefix, Access::kManagement, Impl::kRay, Sign::kPath,
     "\"submission_id\":"},
    {"/api/jobs", Match::kPrefix, Access::kManagement, Impl::kRay, Sign::kServer},
};

/// POST, PUT, PATCH and DELETE: who makes, loads and deletes models, runs code and gives keys away,
/// and what is asked of a model on paths that need a second look.
constexpr Row kWrite[] = {
    {"/api/show", Match::kSuffix, Access::kModels, Impl::kOllama},
    {"/api/ps", Match::kSuffix, Access::kModels, Impl::kOllama},
    {"/api/pull", Match::kSuffix, Access::kManagement, Impl::kOllama},
    {"/api/push", Match::kSuffix, Access::kManagement, Impl::kOllama},
    {"/api/create", Match::kSuffix, Access::kManagement, Impl::kOllama},
    {"/api/copy", Match::kSuffix, Access::kManagement, Impl::kOllama},
    {"/api/delete", Match::kSuffix, Access::kManagement, Impl::kOllama},
    {"/api/blobs/", Match::kPrefix, Access::kManagement, Impl::kOllama},
    {"/ollama/api/blobs/", Match::kPrefix, Access::kManagement, Impl::kOllama},
    {"/api/experimental/web_search", Match::kSuffix, Access::kGeneration, Impl::kOllama},
    {"/api/experimental/web_fetch", Match::kSuffix, Access::kGeneration, Impl::kOllama},
    {"/api/experimental/", Match::kPrefix, Access::kManagement, Impl::kOllama},
    {"/api/web_search", Match::kSuffix, Access::kGeneration, Impl::kOllama, Sign::kServer},
    {"/api/web_fetch", Match::kSuffix, Access::kGeneration, Impl::kOllama, Sign::kServer},
    // llama.cpp
    {"/props", Match::kExact, Access::kManagement, Impl::kLlamaCpp, Sign::kPath, "\"success\":"},
    {"/lora-adapters", Match::kSuffix, Access::kManagement, Impl::kLlamaCpp, Sign::kPath,
     "\"success\":"},
    {"/slots/", Match::kPrefix, Access::kManagement, Impl::kLlamaCpp, Sign::kPath, "\"id_slot\":"},
    {"/models/load", Match::kExact, Access::kManagement, Impl::kUnknown, Sign::kPath,
     "{\"success\":true}"},
    {"/models/unload", Match::kExact, Access::kManagement, Impl::kUnknown, Sign::kPath,
     "{\"success\":true}"},
    // LM Studio
    {"/api/v1/models/load", Match::kSuffix, Access::kManagement, Impl::kLmStudio},
    {"/api/v1/models/unload", Match::kSuffix, Access::kManagement, Impl::kLmStudio},
    {"/api/v1/models/download", Match::kSuffix, Access::kManagement, Impl::kLmStudio},
    // LocalAI
    {"/models/apply", Match::kSuffix, Access::kManagement, Impl::kLocalAi},
    {"/models/delete/", Match::kPrefix, Access::kManagement, Impl::kLocalAi},
    {"/models/galleries", Match::kSuffix, Access::kManagement, Impl::kLocalAi},
    {"/backends/apply", Match::kExact, Access::kManagement, Impl::kLocalAi},
    {"/backends/delete/", Match::kPrefix, Access::kManagement, Impl::kLocalAi},
    {"/backends/galleries", Match::kExact, Access::kManagement, Impl::kLocalAi},
    {"/backend/shutdown", Match::kExact, Access::kManagement, Impl::kLocalAi, Sign::kServer},
    {"/models/import", Match::kExact, Access::kManagement, Impl::kLocalAi, Sign::kServer},
    {"/tts", Match::kExact, Access::kGeneration, Impl::kLocalAi, Sign::kServer},
    // SGLang
    {"/load_lora_adapter", Match::kExact, Access::kManagement, Impl::kSglang},
    {"/unload_lora_adapter", Match::kExact, Access::kManagement, Impl::kSglang},
    {"/update_weights_from_", Match::kPrefix, Access::kManagement, Impl::kSglang},
    {"/flush_cache", Match::kSuffix, Access::kManagement, Impl::kSglang},
    {"/release_memory_occupation", Match::kExact, Access::kManagement, Impl::kSglang},
    {"/resume_memory_occupation", Match::kExact, Access::kManagement, Impl::kSglang},
    {"/abort_request", Match::kExact, Access::kManagement, Impl::kSglang, Sign::kServer},
    // vLLM
    {"/load_lora_adapter", Match::kSuffix, Access::kManagement, Impl::kVllm},
    {"/unload_lora_adapter", Match::kSuffix, Access::kManagement, Impl::kVllm},
    {"/collective_rpc", Match::kSuffix, Access::kManagement, Impl::kVllm},
    {"/reset_prefix_cache", Match::kExact, Access::kManagement, Impl::kVllm},
    {"/reset_mm_cache", Match::kExact, Access::kManagement, Impl::kVllm},
    {"/sleep", Match::kExact, Access::kManagement, Impl::kVllm, Sign::kServer},
    {"/wake_up", Match::kExact, Access::kManagement, Impl::kVllm, Sign::kServer},
    // text-generation-webui
    {"/v1/internal/model/", Match::kPrefix, Access::kManagement, Impl::kTextGen},
    {"/v1/internal/lora/", Match::kPrefix, Access::kManagement, Impl::kTextGen},
    // KoboldCpp
    {"/api/admin/reload_config", Match::kExact, Access::kManagement, Impl::kKoboldCpp, Sign::kPath,
     "\"success\":"},
    // Xinference; OpenAI's format has nothing to post there.
    {"/v1/models", Match::kSuffix, Access::kManagement, Impl::kXinference, Sign::kPath,
     "{\"model_uid\":"},
    {"/v1/models/", Match::kPrefix, Access::kManagement, Impl::kXinference, Sign::kServer},
    {"/v1/model_registrations", Match::kPrefix, Access::kManagement, Impl::kXinference},
    // LiteLLM
    {"/key/generate", Match::kExact, Access::kManagement, Impl::kLiteLlm, Sign::kPath,
     "\"key\":\"sk-"},
    {"/key/generate", Match::kExact, Access::kManagement, Impl::kLiteLlm, Sign::kPath,
     "\"key_alias\":"},
    {"/key/", Match::kPrefix, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/user/", Match::kPrefix, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/team/", Match::kPrefix, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/config/", Match::kPrefix, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/model/", Match::kPrefix, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    {"/credentials", Match::kPrefix, Access::kManagement, Impl::kLiteLlm, Sign::kServer},
    // Open WebUI: the first one to sign up administers it.
    {"/api/v1/auths/signup", Match::kSuffix, Access::kManagement, Impl::kOpenWebUi, Sign::kPath,
     "\"role\":\"admin\""},
    {"/api/v1/configs", Match::kPrefix, Access::kManagement, Impl::kOpenWebUi, Sign::kServer},
    // Triton
    {"/v2/repository/models/", Match::kPrefix, Access::kManagement, Impl::kTriton},
    {"/v2/repository/index", Match::kExact, Access::kModels, Impl::kTriton},
    {"/v2/logging", Match::kExact, Access::kManagement, Impl::kTriton, Sign::kServer},
    {"/v2/trace/setting", Match::kExact, Access::kManagement, Impl::kTriton, Sign::kServer},
    // Ray
    {"/api/jobs", Match::kPrefix, Access::kManagement, Impl::kRay, Sign::kPath,
     "\"submission_id\":"},
    {"/api/jobs", Match::kPrefix, Access::kManagement, Impl::kRay, Sign::kServer},
    {"/api/job_agent/", Match::kPrefix, Access::kManagement, Impl::kRay},
    {"/api/serve/applications", Match::kPrefix, Access::kManagement, Impl::kRay},
    // TGI and what stands in its place
    {"/", Match::kExact, Access::kGeneration, Impl::kUnknown, Sign::kPath, "\"generated_text\":"},
};

bool reads(const Request& r) { return r.head.method == "GET"; }

bool is_row(const Row& row, std::string_view path) {
  // The table's texts have two bytes at least, but for this one.
  return row.path.size() == 1 ? path == row.path : path_matches(path, row.path, row.match);
}

/// Formats whose paths need no second look.
bool is_plain_generation(const Request& r) {
  return is_generation(r.api) && r.api != Api::kCompute && r.head.path.size() > 1;
}

Asked by_api(const Request& r) {
  if (is_generation(r.api)) {
    if (reads(r)) return {Access::kInformation};
    return {Access::kGeneration};
  }
  switch (r.api) {
    case Api::kModels:
      return {reads(r) ? Access::kModels : Access::kInformation};
    case Api::kOllamaManage:
      return {Access::kModels};
    case Api::kMcp:
      return {Access::kTools};
    case Api::kInfo:
      return {Access::kInformation};
    default:
      return {};
  }
}

Asked of_row(const Row& row, const Request& r) {
  Asked out{row.access, row.impl};
  // SGLang flushes its cache for whoever GETs it.
  const bool does = !reads(r) || row.impl == Impl::kSglang;
  out.done_by_any = row.access == Access::kManagement && row.holds.empty() && does;
  out.proven = !row.holds.empty();
  return out;
}

/// Calls `take` for the rows of the request until it returns true; whether there was any row.
template <typename Take>
bool each_row(const Request& request, Take take) {
  std::string decoded;
  const std::string_view path = clean_path(request.head.path, decoded);
  const auto rows = reads(request) ? std::span<const Row>{kRead} : std::span<const Row>{kWrite};
  bool any = false;
  for (const Row& row : rows) {
    if (!is_row(row, path)) continue;
    any = true;
    if (take(row)) break;
  }
  return any;
}

bool asks_nothing(const Request& r) {
  return r.head.method == "OPTIONS" || r.head.method == "HEAD";
}

}  // namespace

Asked asked_for(const Request& request) {
  if (asks_nothing(request)) return {Access::kInformation};
  if (is_plain_generation(request)) return by_api(request);
  std::optional<Asked> first;
  each_row(request, [&](const Row& row) {
    first = of_row(row, request);
    return true;
  });
  return first ? *first : by_api(request);
}

Asked given_to(const Request& request, std::string_view body, Impl shown) {
  if (asks_nothing(request)) return {Access::kInformation};
  if (is_plain_generation(request)) return by_api(request);
  std::optional<Asked> given;
  const bool any = each_row(request, [&](const Row& row) {
    if (row.sign == Sign::kServer && shown != row.impl) return false;
    if (!row.holds.empty() && !holds_json(body, row.holds)) return false;
    given = of_row(row, request);
    return true;
  });
  if (given) return *given;
  if (!any) return by_api(request);
  // The path is one of the table's, the answer none of its products'.
  Asked other = by_api(request);
  if (other.access >= Access::kGeneration) other = {};
  other.foreign = true;
  return other;
}

}  // namespace probewall
