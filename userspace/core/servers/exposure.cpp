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

const char* exposure_advice(Impl impl, Access access) {
  if (impl == Impl::kLlamaCpp && access == Access::kPrompts)
    return "start llama-server with --no-slots, or with --api-key or --api-key-file";
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
