// SPDX-License-Identifier: Apache-2.0
#include "core/servers/exposure.hpp"

namespace probewall {

const char* to_string(Access access) {
  switch (access) {
    case Access::kInformation:
      return "information";
    case Access::kModels:
      return "models";
    case Access::kTools:
      return "tools";
    case Access::kPrompts:
      return "prompts";
    case Access::kGeneration:
      return "generation";
    case Access::kManagement:
      return "management";
    case Access::kNone:
    case Access::kCount:
      break;
  }
  return "none";
}

std::string Exposure::evidence() const {
  const char* shown = key == KeyShown::kNone ? " without a key from "
                      : key == KeyShown::kWellKnown
                          ? " with a key out of a manual from "
                          : " with one of several keys, all let in, from ";
  std::string text =
      method + ' ' + path + shown + source.to_string() + " was answered " + std::to_string(status);
  if (!model.empty()) text += " (model " + model + ")";
  return text;
}

namespace {

/// Where managing is closed by another switch than asking; null: by the same.
const char* management_advice(Impl impl) {
  switch (impl) {
    case Impl::kLlamaCpp:
      return "start llama-server with --api-key or --api-key-file, and without --props";
    case Impl::kVllm:
      return "take VLLM_ALLOW_RUNTIME_LORA_UPDATING and VLLM_SERVER_DEV_MODE out of vLLM's "
             "environment: their paths change what it serves; and start it with --api-key";
    case Impl::kTextGen:
      return "start text-generation-webui with --api-key and --admin-key, and without --listen or "
             "--public-api";
    case Impl::kKoboldCpp:
      return "start KoboldCpp without --admin, or with --adminpassword";
    case Impl::kLiteLlm:
      return "give LiteLLM a master key of your own (general_settings.master_key or "
             "LITELLM_MASTER_KEY), not sk-1234 out of the manual, and delete the keys you did not "
             "make";
    case Impl::kOpenWebUi:
      return "whoever signs up first administers Open WebUI: look for accounts you did not make, "
             "set ENABLE_SIGNUP=False and WEBUI_AUTH=True";
    case Impl::kTriton:
      return "start Triton with --model-control-mode=none and --http-address=127.0.0.1, and put a "
             "proxy that checks keys in front";
    default:
      return nullptr;
  }
}

}  // namespace

const char* exposure_advice(Impl impl, Access access) {
  if (impl == Impl::kLlamaCpp && access == Access::kPrompts)
    return "start llama-server with --no-slots, or with --api-key or --api-key-file";
  if (access == Access::kManagement) {
    if (const char* advice = management_advice(impl)) return advice;
  }
  switch (impl) {
    case Impl::kOllama:
      return "Ollama asks nobody for a key: bind it to this machine (OLLAMA_HOST=127.0.0.1) and "
             "let "
             "others in through a proxy that checks keys, or only known addresses by firewall";
    case Impl::kLlamaCpp:
      return "start llama-server with --api-key or --api-key-file, or with --host 127.0.0.1";
    case Impl::kLmStudio:
      return "switch 'Serve on Local Network' off in LM Studio's server settings, or require "
             "authentication there where your version can";
    case Impl::kLocalAi:
      return "set LOCALAI_API_KEY for LocalAI, or bind it to 127.0.0.1";
    case Impl::kVllm:
      return "start vLLM with --api-key (or VLLM_API_KEY); it guards the paths under /v1 only, so "
             "keep "
             "the others behind a proxy or --host 127.0.0.1";
    case Impl::kSglang:
      return "start SGLang with --api-key, or with --host 127.0.0.1";
    case Impl::kTgi:
      return "start text-generation-inference with --api-key, or publish its port on 127.0.0.1 "
             "only";
    case Impl::kTextGen:
      return "start text-generation-webui with --api-key, and without --listen or --public-api";
    case Impl::kKoboldCpp:
      return "start KoboldCpp with --password, or with --host 127.0.0.1";
    case Impl::kXinference:
      return "start Xinference with --auth-config, or with -H 127.0.0.1";
    case Impl::kLiteLlm:
      return "set general_settings.master_key (or LITELLM_MASTER_KEY) for LiteLLM";
    case Impl::kOpenWebUi:
      return "set WEBUI_AUTH=True and ENABLE_SIGNUP=False for Open WebUI";
    case Impl::kJan:
      return "set an API key and the host 127.0.0.1 in Jan's local API server settings";
    case Impl::kGpt4All:
      return "GPT4All's API server knows no keys: switch it off or keep its port inside by "
             "firewall";
    case Impl::kTriton:
      return "Triton knows no keys: start it with --http-address=127.0.0.1 and put a proxy that "
             "checks "
             "keys in front";
    case Impl::kRay:
      return "Ray's dashboard runs code for whoever reaches it: start it with "
             "--dashboard-host=127.0.0.1, or switch token authentication on (RAY_AUTH_MODE=token)";
    case Impl::kMcp:
      return "bind the MCP server to 127.0.0.1, or make it ask for authorization as the MCP "
             "specification describes";
    default:
      return "bind the server to 127.0.0.1 or an inner address, make it ask for a key, or let only "
             "known addresses reach its port";
  }
}

}  // namespace probewall
