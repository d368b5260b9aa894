// SPDX-License-Identifier: Apache-2.0
// Which answers say that a server wants a key, and which only look so.
#include <gtest/gtest.h>

#include "core/llm/refusal.hpp"

namespace probewall {
namespace {

bool asks(int status, const std::string& body, const std::string& headers = "",
          bool provoked = false) {
  return asks_for_key(
      status,
      "HTTP/1.1 " + std::to_string(status) + " X\r\nServer: nginx\r\n" + headers + "\r\n" + body,
      provoked);
}

TEST(Refusal, IsWhatHonestServersAnswerWithoutAKey) {
  EXPECT_TRUE(asks(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n")) << "nginx";
  EXPECT_TRUE(asks(401, R"({"error":"Unauthorized"})")) << "vLLM";
  EXPECT_TRUE(asks(401, R"({"error":{"message":"Invalid API Key"}})")) << "llama.cpp";
  EXPECT_TRUE(asks(403, R"({"detail":"Not authenticated"})")) << "FastAPI, Open WebUI";
  EXPECT_TRUE(asks(403, R"({"error":"missing key"})"));
  EXPECT_TRUE(asks(403, R"({"message":"Missing Authentication Token"})")) << "AWS";
  EXPECT_TRUE(asks(403, R"({"error":"bad credentials"})"));
  EXPECT_TRUE(asks(403, R"({"error":"invalid apikey"})"));
  EXPECT_TRUE(asks(403, "", "www-authenticate: Bearer\r\n"));
}

TEST(Refusal, IsNotAForbiddenThatSaysNothingOfKeys) {
  EXPECT_FALSE(asks(403, ""));
  EXPECT_FALSE(asks(403, "<h1>403 Forbidden</h1><center>nginx</center>"));
  EXPECT_FALSE(asks(403, R"({"error":"Forbidden"})"));
  EXPECT_FALSE(asks(403, "the author of this page typed a keyword on a keyboard")) << "monkeys";
  EXPECT_FALSE(asks(404, "no key"));
  EXPECT_FALSE(asks(200, "no key"));
}

TEST(Refusal, IsNotAForbiddenThatAnybodyCanProvoke) {
  EXPECT_FALSE(asks(403, R"({"error":"missing key"})", "", true));
  EXPECT_FALSE(asks(403, "", "WWW-Authenticate: Bearer\r\n", true));
  EXPECT_TRUE(asks(401, "", "", true));
  Request request;
  request.head.method = "POST";
  request.head.path = "/v1/chat/completions";
  request.llm.model = "llama3.2";
  EXPECT_FALSE(provokes_forbidden(request));
  request.llm.model = "invalid api key";
  EXPECT_TRUE(provokes_forbidden(request)) << "an error page repeats it";
  request.llm.model.clear();
  request.head.path = "/auth/v1/chat/completions";
  EXPECT_TRUE(provokes_forbidden(request));
  request.head.path = "/v1/models";
  request.head.origin = true;
  EXPECT_TRUE(provokes_forbidden(request));
  request.head.origin = false;
  request.head.method = "OPTIONS";
  EXPECT_TRUE(provokes_forbidden(request));
}

TEST(Refusal, IsNotAboutTheServersOwnAccountElsewhere) {
  EXPECT_FALSE(asks(401, R"({"error":"unauthorized","signin_url":"https://ollama.com/connect"})"));
  EXPECT_FALSE(
      asks(401, R"({"error":{"message":"litellm.AuthenticationError: OpenAI: wrong key"}})"));
}

}  // namespace
}  // namespace probewall
