// SPDX-License-Identifier: Apache-2.0
// Each product is known by what only it writes, however its JSON is laid out, and never by what a
// model says.
#include <gtest/gtest.h>

#include <string>

#include "core/llm/classify.hpp"

namespace probewall {
namespace {

struct AnswerCase {
  const char* name;
  Impl impl;
  const char* head;  ///< lines behind the status line
  const char* body;
};
std::ostream& operator<<(std::ostream& out, const AnswerCase& c) { return out << c.name; }

/// As an indenting writer lays it out: blanks and line ends after punctuation outside of strings.
std::string spaced(std::string_view json) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    out += json[i];
    if (json[i] == '\\' && in_string && i + 1 < json.size()) {
      out += json[++i];
    } else if (json[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && json[i] == ':') {
      out += ' ';
    } else if (!in_string && (json[i] == ',' || json[i] == '{' || json[i] == '[')) {
      out += "\n        ";
    }
  }
  return out;
}

/// A chat answer in which the model says `text`.
std::string said(std::string_view text) {
  std::string out = R"({"id":"c","object":"chat.completion","choices":[{"message":{"content":")";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"}}]}";
}

std::string answer(const char* head, const std::string& body) {
  return std::string{"HTTP/1.1 200 OK\r\n"} + head + "\r\n" + body;
}

class Answers : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(Answers, GiveTheirProductAway) {
  const auto& c = GetParam();
  EXPECT_STREQ(to_string(impl_of_answer(answer(c.head, c.body))), to_string(c.impl));
}

TEST_P(Answers, ChunkLengthsDoNotMatter) {
  const auto& c = GetParam();
  const std::string body = std::string{"3e8\r\n"} + c.body + "\r\n0\r\n\r\n";
  EXPECT_STREQ(to_string(impl_of_answer(answer(c.head, body))), to_string(c.impl));
}

TEST_P(Answers, QuotedByAModelAreNobodys) {
  const auto answered = impl_of_answer(answer("", said(GetParam().body)));
  EXPECT_STREQ(to_string(answered), "unknown");
}

const AnswerCase kOwnServers[] = {
    {"Ollama greeting", Impl::kOllama, "", "Ollama is running"},
    {"Ollama tags", Impl::kOllama, "",
     R"({"models":[{"name":"m","details":{"family":"llama","families":["llama"]}}]})"},
    {"Ollama chat chunk", Impl::kOllama, "",
     R"({"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hi"},"done":false})"},
    {"Ollama chat completion", Impl::kOllama, "",
     R"({"id":"chatcmpl-1","object":"chat.completion","system_fingerprint":"fp_ollama","choices":[]})"},
    {"Ollama without the model, to pull", Impl::kOllama, "",
     R"({"error":"model \"m\" not found, try pulling it first"})"},
    {"Ollama without the model", Impl::kOllama, "", R"({"error":"model 'm' not found"})"},
    {"Ollama without the model, OpenAI format", Impl::kOllama, "",
     R"({"error":{"message":"model 'm' not found","type":"api_error","param":null,"code":null}})"},
    {"Ollama without the model, OpenAI format, to pull", Impl::kOllama, "",
     R"({"error":{"message":"model \"m\" not found, try pulling it first","type":"api_error"}})"},
    {"llama.cpp server header", Impl::kLlamaCpp, "Server: llama.cpp\r\n", "{}"},
    {"llama.cpp timings", Impl::kLlamaCpp, "",
     R"({"choices":[],"object":"chat.completion","timings":{"prompt_n":1,"prompt_ms":2.5}})"},
    {"llama.cpp completion", Impl::kLlamaCpp, "",
     R"({"content":"hi","tokens_predicted":4,"tokens_evaluated":2})"},
    {"llama.cpp props", Impl::kLlamaCpp, "", R"({"default_generation_settings":{"id":0}})"},
    {"llama.cpp refusal", Impl::kLlamaCpp, "",
     R"({"error":{"message":"Invalid API Key","type":"authentication_error","code":401}})"},
    {"llama.cpp refusal, code first", Impl::kLlamaCpp, "",
     R"({"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}})"},
    {"LM Studio greeting", Impl::kLmStudio, "", R"({"lmstudio":true})"},
    {"LM Studio models", Impl::kLmStudio, "",
     R"({"data":[{"id":"qwen","object":"model","arch":"qwen2","compatibility_type":"gguf"}]})"},
    {"LM Studio models, OpenAI format", Impl::kLmStudio, "",
     R"({"data":[{"id":"qwen","object":"model","owned_by":"organization_owner"}]})"},
    {"LM Studio on an unknown path", Impl::kLmStudio, "",
     R"json({"error":"Unexpected endpoint or method. (GET /x)"})json"},
    {"llama.cpp without slots", Impl::kLlamaCpp, "",
     R"({"error":{"code":501,"message":"This server does not support slots endpoint. Start it with `--slots`","type":"not_supported_error"}})"},
    {"llama.cpp on an unknown path", Impl::kLlamaCpp, "",
     R"({"error":{"code":404,"message":"File Not Found","type":"not_found_error"}})"},
    {"llama.cpp slots", Impl::kLlamaCpp, "",
     R"([{"id":0,"n_ctx":4096,"speculative":false,"is_processing":false}])"},
    {"LM Studio native models", Impl::kLmStudio, "",
     R"({"models":[{"type":"llm","key":"m","params_string":"4B","loaded_instances":[]}]})"},
    {"LM Studio chat completion", Impl::kLmStudio, "",
     R"({"choices":[],"usage":{},"stats":{},"system_fingerprint":"m"})"},
    {"LM Studio without a model", Impl::kLmStudio, "",
     R"({"error":{"message":"No models loaded. Please load a model in the developer page or use the `lms load` command.","type":"invalid_request_error"}})"},
    {"KoboldCpp server header", Impl::kKoboldCpp, "Server: ConcedoLlamaForKoboldServer \r\n", "{}"},
    {"KoboldCpp load", Impl::kKoboldCpp, "",
     R"({"last_process":0.0,"total_gens":0,"queue":0,"idle":1,"hordeexitcounter":-1})"},
    {"KoboldCpp version", Impl::kKoboldCpp, "", R"({"result":"KoboldCpp","version":"1.80"})"},
    {"KoboldCpp model", Impl::kKoboldCpp, "", R"({"result":"koboldcpp/tiny"})"},
    {"KoboldCpp as Ollama", Impl::kKoboldCpp, "",
     R"({"models":[{"details":{"family":"koboldcpp","families":["koboldcpp"]}}]})"},
    {"LocalAI system", Impl::kLocalAi, "", R"({"backends":["llama-cpp"],"loaded_models":[]})"},
    {"LocalAI metrics", Impl::kLocalAi, "", "# TYPE x\n# HELP localai_api_call seconds\n"},
    {"LocalAI metrics of its requests", Impl::kLocalAi, "",
     "# TYPE api_call histogram\n"
     "api_call_bucket{method=\"GET\",otel_scope_name=\"github.com/mudler/LocalAI\",le=\"0\"} 0\n"},
    {"LocalAI header", Impl::kLocalAi, "LocalAI-Machine-Tag: x\r\n", "{}"},
    {"LocalAI without the model", Impl::kLocalAi, "",
     R"({"error":{"code":500,"message":"could not load model - all backends returned error: x","type":""}})"},
    {"LocalAI page", Impl::kLocalAi, "", "<!DOCTYPE html><title>LocalAI instance</title>"},
    {"GPT4All models", Impl::kGpt4All, "",
     R"({"data":[{"created":0,"id":"Llama 3","object":"model","owned_by":"humanity"}]})"},
    {"GPT4All chat completion", Impl::kGpt4All, "",
     R"({"choices":[{"index":0,"message":{},"references":[]}],"id":"placeholder","model":"Llama"})"},
    {"Ollama show", Impl::kOllama, "",
     R"({"modelfile":"# Modelfile generated by \"ollama show\"\nFROM x"})"},
    {"Jan models", Impl::kJan, "", R"({"data":[{"id":"m","object":"model","owned_by":"janhq"}]})"},
    {"Jan description", Impl::kJan, "",
     R"({"openapi":"3.0.0","info":{"title":"Jan API Server Endpoints"}})"},
    {"text-generation-webui model", Impl::kTextGen, "", R"({"model_name":"m","lora_names":[]})"},
    {"text-generation-webui models", Impl::kTextGen, "",
     R"({"object":"list","data":[{"id":"m","object":"model","created":0,"owned_by":"user"}]})"},
    {"text-generation-webui page", Impl::kTextGen, "",
     "<!doctype html><head><title>Text Generation Web UI</title>"},
    {"text-generation-webui page, older", Impl::kTextGen, "",
     "<!doctype html><head><title>Text generation web UI</title>"},
    {"text-generation-webui description", Impl::kTextGen, "",
     R"({"openapi":"3.1.0","paths":{"/x":{"example":"text-generation-webui/user_data/models"}}})"},
};
INSTANTIATE_TEST_SUITE_P(OwnServers, Answers, ::testing::ValuesIn(kOwnServers));

const AnswerCase kClusterServers[] = {
    {"vLLM models", Impl::kVllm, "", R"({"data":[{"id":"x","owned_by":"vllm"}]})"},
    {"vLLM chat completion", Impl::kVllm, "",
     R"({"choices":[],"prompt_logprobs":null,"kv_transfer_params":null})"},
    {"vLLM without the model", Impl::kVllm, "",
     R"({"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}})"},
    {"vLLM without the model, older", Impl::kVllm, "",
     R"({"object":"error","message":"The model `m` does not exist.","type":"NotFoundError"})"},
    {"vLLM tokens", Impl::kVllm, "",
     R"({"count":1,"max_model_len":32768,"tokens":[1],"token_strs":null})"},
    {"vLLM metrics", Impl::kVllm, "", "# HELP vllm:num_requests_running n\n"},
    {"SGLang model info", Impl::kSglang, "",
     R"({"model_path":"meta/l","tokenizer_path":"meta/l","is_generation":true})"},
    {"SGLang server info", Impl::kSglang, "", R"({"mem_fraction_static":0.88,"tp_size":1})"},
    {"SGLang server info, its beginning", Impl::kSglang, "",
     R"({"model_path":"m","tokenizer_path":"m","tokenizer_mode":"auto","skip_tokenizer_init":false)"},
    {"SGLang generation", Impl::kSglang, "",
     R"({"text":" Paris","meta_info":{"id":"x","prompt_tokens":6,"completion_tokens":16}})"},
    {"SGLang generation, stream", Impl::kSglang, "Content-Type: text/event-stream\r\n",
     "data: {\"text\": \" P\", \"meta_info\": {\"completion_tokens\": 1}}\n\n"},
    {"SGLang chat completion", Impl::kSglang, "",
     R"({"choices":[{"index":0,"finish_reason":"stop","matched_stop":2}]})"},
    {"TGI info", Impl::kTgi, "", R"({"model_id":"m/x","docker_label":"sha-bb"})"},
    {"TGI generation", Impl::kTgi, "x-compute-type: gpu\r\n", R"({"generated_text":"hi"})"},
    {"TGI refusal", Impl::kTgi, "",
     R"({"error":"Input validation error: x","error_type":"validation"})"},
    {"Xinference cluster", Impl::kXinference, "",
     R"([{"node_type":"Supervisor","ip_address":"10.0.0.1","gpu_count":1}])"},
    {"Xinference models", Impl::kXinference, "",
     R"({"data":[{"id":"q","model_ability":["chat"],"model_type":"LLM"}]})"},
    {"Xinference without the model", Impl::kXinference, "",
     R"({"detail":"[address=0.0.0.0:40465, pid=12] Model not found, uid: gpt-4"})"},
    {"Triton metadata, another order", Impl::kTriton, "",
     R"({"name":"triton","version":"2.60.0","extensions":["sequence","classification"]})"},
    {"Triton generation", Impl::kTriton, "",
     R"({"model_name":"ensemble","model_version":"1","text_output":"x"})"},
    {"Triton metrics", Impl::kTriton, "",
     "# HELP nv_inference_request_success Number of successful requests\n"},
    {"Triton metadata", Impl::kTriton, "",
     R"({"name":"triton","extensions":["classification","sequence"]})"},
    {"TensorRT-LLM models", Impl::kTriton, "",
     R"({"data":[{"id":"m","owned_by":"tensorrt_llm"}]})"},
    {"Ray version", Impl::kRay, "", R"({"version":"4","ray_version":"2.9","ray_commit":"x"})"},
    {"Ray jobs", Impl::kRay, "", R"([{"type":"SUBMISSION","submission_id":"raysubmit_x"}])"},
    {"Ray nodes", Impl::kRay, "",
     R"({"result":true,"msg":"Node summary fetched.","data":{"summary":[]}})"},
    {"Ray Serve without applications", Impl::kRay, "",
     R"({"controller_info":null,"proxy_location":null,"applications":{}})"},
    {"Ray Serve on an unknown path", Impl::kRay, "Content-Type: text/plain\r\n",
     "Path '/x' not found. Ping http://.../-/routes for available routes."},
    {"Ray page", Impl::kRay, "", "<!doctype html><title>Ray Dashboard</title>"},
};
INSTANTIATE_TEST_SUITE_P(ClusterServers, Answers, ::testing::ValuesIn(kClusterServers));

const AnswerCase kGatewaysAndFormats[] = {
    {"LiteLLM readiness", Impl::kLiteLlm, "", R"({"status":"connected","litellm_version":"1.50"})"},
    {"LiteLLM refusal", Impl::kLiteLlm, "",
     R"({"error":{"message":"Authentication Error, No api key passed in.","type":"auth_error","code":"401"}})"},
    {"LiteLLM without the model", Impl::kLiteLlm, "",
     R"({"error":{"message":"/chat/completions: Invalid model name passed in model=gpt-9. Call `/v1/models`","type":"invalid_request_error"}})"},
    {"LiteLLM alive", Impl::kLiteLlm, "", "\"I'm alive!\""},
    {"LiteLLM header", Impl::kLiteLlm, "x-litellm-call-id: 1\r\n", "{}"},
    {"LiteLLM description", Impl::kLiteLlm, "",
     R"({"openapi":"3.1.0","info":{"title":"LiteLLM API"}})"},
    {"Open WebUI config", Impl::kOpenWebUi, "", R"({"status":true,"name":"Open WebUI"})"},
    {"Open WebUI under another name", Impl::kOpenWebUi, "",
     R"({"name":"Acme Chat","features":{"auth":true,"enable_signup":false}})"},
    {"Open WebUI cookie", Impl::kOpenWebUi,
     "set-cookie: owui-session=abc; path=/; httponly; samesite=lax\r\n", "{}"},
    {"Open WebUI page", Impl::kOpenWebUi, "", "<!doctype html><html><title>Open WebUI</title>"},
    {"MCP initialize", Impl::kMcp, "",
     "event: message\ndata: {\"result\":{\"serverInfo\":{\"name\":\"x\"}}}\n\n"},
    {"MCP refusal", Impl::kMcp, "",
     R"({"jsonrpc":"2.0","error":{"message":"Not Acceptable: Client must accept text/event-stream"}})"},
    {"MCP without a session", Impl::kMcp, "",
     R"({"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null})"},
    {"MCP tools", Impl::kMcp, "",
     R"({"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a","inputSchema":{}}]}})"},
    {"MCP stream", Impl::kMcp, "", "event: endpoint\ndata: /messages?sessionId=1\n\n"},
    {"MCP authorization", Impl::kMcp, "WWW-Authenticate: Bearer resource_metadata=\"x\"\r\n", ""},
    {"OpenAI refusal", Impl::kOpenAi, "openai-version: 2020-10-01\r\n",
     R"({"error":{"message":"Incorrect API key provided: sk.","code":"invalid_api_key"}})"},
    {"OpenAI answer", Impl::kOpenAi, "OpenAI-Processing-Ms: 20\r\n", R"({"choices":[]})"},
    {"OpenAI organization", Impl::kOpenAi, "openai-organization: x\r\n", R"({"choices":[]})"},
    {"Anthropic message", Impl::kAnthropic, "",
     R"({"id":"msg_1","type":"message","role":"assistant","content":[]})"},
    {"Anthropic refusal", Impl::kAnthropic, "",
     R"({"type":"error","error":{"type":"authentication_error","message":"x"}})"},
    {"Gemini answer", Impl::kGemini, "", R"({"candidates":[],"usageMetadata":{}})"},
    {"Gemini models", Impl::kGemini, "",
     R"({"models":[{"name":"models/g","supportedGenerationMethods":["generateContent"]}]})"},
    {"Gemini refusal", Impl::kGemini, "",
     R"({"error":{"code":403,"message":"unregistered callers","status":"PERMISSION_DENIED"}})"},
    {"Gemini without the model", Impl::kGemini, "",
     R"({"error":{"code":404,"message":"x","status":"NOT_FOUND"}})"},
};
INSTANTIATE_TEST_SUITE_P(GatewaysAndFormats, Answers, ::testing::ValuesIn(kGatewaysAndFormats));

TEST(AnswersInJson, LayoutDoesNotMatter) {
  std::size_t tried = 0;
  const auto try_all = [&](const auto& cases) {
    for (const AnswerCase& c : cases) {
      if (c.body[0] != '{' && c.body[0] != '[') continue;  // text has one layout
      ++tried;
      const auto impl = impl_of_answer(answer(c.head, spaced(c.body)));
      EXPECT_STREQ(to_string(impl), to_string(c.impl)) << c.name;
    }
  };
  try_all(kOwnServers);
  try_all(kClusterServers);
  try_all(kGatewaysAndFormats);
  EXPECT_GT(tried, 50u);
}

TEST(AnswersOfSeveralProducts, NameNone) {
  for (const char* body : {
           R"({"error":"Unauthorized"})",  // vLLM, SGLang and others
           R"({"version":"0.6.4"})",       // vLLM and Ollama
           R"({"detail":"Not authenticated"})",
           R"({"detail":"Not Found"})",
           R"({"status":"ok"})",
           R"({"object":"list","data":[{"id":"gpt-4","object":"model"}]})",
           R"({"id":"1","created_at":"2026-01-01","status":"queued"})",  // half of Ollama's pair
           R"({"error":{"code":400,"message":"x","type":"invalid_request_error"}})",
           R"({"error":{"message":"The model `x` does not exist or you do not have access to it.",)"
           R"("type":"invalid_request_error","code":"model_not_found"}})",
       }) {
    EXPECT_STREQ(to_string(impl_of_answer(answer("", body))), "unknown") << body;
    EXPECT_STREQ(to_string(impl_of_answer(answer("", spaced(body)))), "unknown") << body;
  }
}

TEST(AnswersOfOtherApplications, NameNone) {
  for (const char* text : {
           R"({"error":"This server does not support uploads"})",
           R"({"message":"This server does not support SSE","type":"error"})",
           R"({"error":{"code":404,"message":"File Not Found","type":"missing"}})",
           R"([{"id":1,"is_processing":true,"order":"A-17"}])",
           R"({"loaded_instances":[{"id":"vm-1"}],"models":3})",
           R"({"stats":{"players":3},"system_fingerprint":"ab"})",
           R"({"message":"No models loaded. Add one to your shop."})",
           R"({"model_path":"/m","tokenizer_path":"/t"})",
           R"({"meta_info":{"author":"ann"},"pages":3})",
           R"({"name":"triton","version":"1.0","moons":true})",
           R"({"text_output":"done"})",
           R"({"model_version":"2024"})",
           R"({"msg":"Nodes fetched.","result":true})",
           R"({"proxy_location":"eu-west"})",
           R"({"detail":"[address] is missing"})",
           R"({"error":{"message":"Invalid model name","type":"invalid_request_error"}})",
           R"({"note":"Invalid model name passed in model=x"})",
           R"({"id":"placeholder","model":"x"})",
           R"({"inputSchema":{"type":"object"},"tools":1})",
           R"({"jsonrpc":"2.0","id":1,"result":"0x10"})",
           R"({"jsonrpc":"2.0","error":{"code":-32600,"message":"Bad Request"}})",
           "I'm alive!",
           R"({"status":"I'm alive!"})",
           "Path '/x' not found. See the manual.",
           "Ping http://a/-/routes for more",
           "# HELP http_requests_total Requests\nhttp_requests_total{otel_scope_name=\"app\"} 1\n",
           "<html><title>Text Generation Web Service</title>",
           "<html><title>Shop</title><p>Text Generation Web UI, a review</p>",
       }) {
    EXPECT_STREQ(to_string(impl_of_answer(answer("", text))), "unknown") << text;
    EXPECT_STREQ(to_string(impl_of_answer(answer("Server: uvicorn\r\n", text))), "unknown") << text;
  }
  EXPECT_STREQ(to_string(impl_of_answer(answer("Set-Cookie: session=owui-session=1\r\n", "{}"))),
               "unknown");
  EXPECT_STREQ(to_string(impl_of_answer(answer("X-Powered-By: LocalAI-Fan\r\n", "{}"))), "unknown");
}

TEST(AnswersOfSeveralProducts, AskedModelNameIsRepeatedAndNamesNone) {
  for (const char* model : {"koboldcpp/x", "xinference", "vllm:latest", "litellm_version"}) {
    const std::string body = std::string{R"({"object":"chat.completion","model":")"} + model +
                             R"(","choices":[{"message":{"content":"hi"}}]})";
    EXPECT_STREQ(to_string(impl_of_answer(answer("", body))), "unknown") << model;
  }
}

TEST(AnswersOfSeveralProducts, HeaderNamesInOtherHeadersNameNone) {
  const auto text = answer(
      "Access-Control-Allow-Headers: x-api-key, anthropic-version, openai-organization:\r\n"
      "Access-Control-Expose-Headers: mcp-session-id:, openai-processing-ms:, x-litellm-key\r\n",
      "{}");
  EXPECT_STREQ(to_string(impl_of_answer(text)), "unknown");
}

TEST(AnswersOfSeveralProducts, OwnMarkersCountMoreThanTheFormatSpoken) {
  const auto text = answer("", R"({"type":"message","role":"assistant","timings":{"prompt_n":3}})");
  EXPECT_STREQ(to_string(impl_of_answer(text)), "llama.cpp");
}

}  // namespace
}  // namespace probewall
