// SPDX-License-Identifier: Apache-2.0
// Owners and those on call: they look after servers, from new addresses too, and are not blocked.
#include <gtest/gtest.h>

#include "unit/rules_sessions.hpp"

namespace probewall::test {
namespace {

using Steps = std::vector<Step>;

Step question(double seconds) {
  return at(seconds, post("/generate", R"({"text":"The harbour at night, told in three parts",)"
                                       R"("sampling_params":{"max_new_tokens":128}})"));
}

TEST(HonestOwner, DeletesManyModelsByAScriptFromANewAddress) {
  Steps steps{at(0, get("/api/tags"))};
  for (int i = 1; i <= 8; ++i) {
    Step s = post("/api/delete", R"({"name":"old)" + std::to_string(i) + "\"}");
    s.method = "DELETE";
    steps.push_back(at(0.3 * i, s));
  }
  steps.push_back(at(4, get("/api/tags")));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, UnloadsEveryModelAfterListingThem) {
  Steps steps{at(0, get("/api/tags"))};
  for (int i = 1; i <= 6; ++i) {
    steps.push_back(at(0.2 * i, post("/api/generate", R"({"model":"m)" + std::to_string(i) +
                                                          R"(","keep_alive":0})")));
  }
  EXPECT_LT(honest_score(steps), 50);
}

TEST(HonestOwner, LooksAtSixThingsByHand) {
  for (const char* bearer : {"", "sk-ops"}) {
    Steps steps;
    for (const char* path : {"/health", "/version", "/v1/models", "/metrics", "/load", "/tokenize"})
      steps.push_back(at(15.0 * static_cast<double>(steps.size()), key(bearer, get(path))));
    steps.push_back(at(120, chat("own", "hi", 200, bearer)));
    EXPECT_LT(honest_score(steps), 100) << bearer;
  }
}

TEST(HonestOwner, ChecksSglangFourTimesAndRunsABenchmark) {
  Steps steps;
  for (const char* path : {"/health_generate", "/get_model_info", "/get_server_info", "/v1/models"})
    steps.push_back(at(0.2 * static_cast<double>(steps.size()), get(path)));
  for (int i = 0; i < 80; ++i) steps.push_back(question(2 + 0.1 * i));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, RefreshesListsUnderAKeyThatRanOut) {
  Steps steps;
  for (const char* path : {"/key/list", "/team/list", "/user/list", "/model/info"})
    steps.push_back(key("sk-old", get(path, 401)));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, UsesAnAppThatForgotItsSession) {
  Steps steps;
  for (const char* path :
       {"chats/", "folders/", "tools/", "users/user/settings", "prompts/", "files/"})
    steps.push_back(get(std::string{"/api/v1/"} + path, 401));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, TestsANewServerAfterSettingItUp) {
  Steps steps;
  for (const char* path : {"/health", "/props", "/v1/models", "/slots"}) {
    steps.push_back(at(0.1 * static_cast<double>(steps.size()), get(path)));
  }
  steps.push_back(at(1, chat("own", "Say OK")));
  for (Step& s : steps) {
    s.agent = "";
    s.headers = {"User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"};
  }
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, LeavesAVariableUnfilledInAHeader) {
  EXPECT_LT(honest_score({with({"X-Org: ${env:ORG}", "Authorization: Bearer ${API_KEY}"},
                               get("/v1/models", 401))}),
            50);
}

TEST(HonestOwner, TriesThreeUnfilledVariablesBeforeTheKey) {
  Steps steps;
  for (const char* bearer : {"${OPENAI_API_KEY}", "${env:OPENAI_API_KEY}", "{{ api_key }}"})
    steps.push_back(at(30.0 * static_cast<double>(steps.size()), chat("own", "hi", 401, bearer)));
  EXPECT_LT(honest_score(steps), 50);
}

TEST(HonestOwner, ShowsFiveServicesOnOnePageAndOneLacksItsKey) {
  Steps steps;
  for (int round = 0; round < 4; ++round) {
    const double start = 30.0 * round;
    steps.push_back(at(start, on(1, 11434, get("/api/ps"))));
    steps.push_back(at(start + 0.1, on(1, 8188, get("/system_stats"))));
    steps.push_back(at(start + 0.2, on(1, 4000, get("/v1/models", 401))));
    steps.push_back(at(start + 0.3, on(1, 3000, get("/api/version"))));
    steps.push_back(at(start + 0.4, on(1, 8000, get("/v1/models"))));
  }
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, SendsAClientOfOneProductToAnother) {
  EXPECT_LT(honest_score({get("/api/v1/info/version", 404), get("/api/extra/version", 404),
                          get("/api/v1/model", 404), get("/v1/models"), get("/props"),
                          at(20, chat("own", "hi"))}),
            100);
  EXPECT_LT(honest_score({get("/v2/health/live", 404), get("/v2/health/ready", 404),
                          get("/v2/models/bge/ready", 404)}),
            50);
}

TEST(HonestOwner, TestsTheContractOfAProxy) {
  EXPECT_LT(honest_score({get("/v1/chat/completions", 405), post("/v1/chat/completions", "{}", 400),
                          chat("no-such", "hi", 404), chat("own", "hi"), chat("own", "hi again")}),
            100);
}

TEST(HonestOwner, BringsUpAProxyWithTheKeyOfTheManual) {
  Steps steps;
  for (const char* path : {"/model/new", "/team/new", "/key/generate", "/user/new"})
    steps.push_back(key("sk-1234", post(path, "{}")));
  steps.push_back(key("sk-1234", get("/v1/models")));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, SetsANewProductUpByAScript) {
  for (const char* path : {"/console/api/setup", "/rest/owner/setup", "/api/setup"}) {
    EXPECT_LT(honest_score({get(path), post(path, R"({"email":"ops@example.org"})", 201),
                            post("/login", R"({"email":"ops@example.org","password":"x"})")}),
              100)
        << path;
  }
}

TEST(HonestOwner, SetsAStackOfProductsUpByAScript) {
  Steps steps;
  for (const char* path : {"/console/api/setup", "/rest/owner/setup", "/api/setup"}) {
    steps.push_back(get(path));
    steps.push_back(post(path, R"({"email":"ops@example.org"})", 201));
  }
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestCustomer, WithAKeyInAnyHeaderOrCookieAsksForCommercialModels) {
  for (const char* header :
       {"x-litellm-api-key: 7f3a9c1e5b2d8f40", "Ocp-Apim-Subscription-Key: 7f3a9c1e5b2d8f40",
        "CF-Access-Client-Secret: 7f3a9c1e5b2d8f40", "Helicone-Auth: Bearer 7f3a9c1e5b2d8f40",
        "Cookie: token=eyJhbGciOiJIUzI1NiJ9.e30.x", "Cookie: a=1; connect.sid=s%3A7f3a9c1e"}) {
    Steps steps;
    for (const char* model : {"gpt-4o", "claude-3-5-sonnet", "gemini-1.5-pro", "gpt-4o"})
      steps.push_back(at(60.0 * static_cast<double>(steps.size()),
                         with({header}, chat(model, "please fix this sentence"))));
    EXPECT_LT(honest_score(steps), 50) << header;
  }
}

TEST(HonestCustomer, WhoseSessionCookieChangesAndRunsOutGuessesNoKeys) {
  Steps steps;
  for (int i = 0; i < 12; ++i) {
    const std::string cookie = "Cookie: session=abcdefgh" + std::to_string(i);
    steps.push_back(at(30.0 * i, with({cookie, "Accept-Language: en"},
                                      chat("m", "please fix this", i < 6 ? 200 : 401))));
  }
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, CopiesTheFlowsOfAServerThatLetsEverybodyIn) {
  Steps steps = {get("/api/v1/auto_login")};
  for (const char* path : {"flows", "variables", "files", "projects"})
    steps.push_back(key("t", get(std::string("/api/v1/") + path + "/")));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(HonestOwner, InstallsExtensionsByAScriptAndIsRefusedOnce) {
  EXPECT_LT(honest_score({get("/system_stats"),
                          post("/customnode/install/git_url", "https://github.com/x/nodes", 403),
                          post("/customnode/install/git_url", "https://github.com/x/nodes", 200),
                          post("/customnode/install/git_url",
                               "https://git.example.org/own/nodes.git", 200)}),
            100);
}

TEST(HonestOwner, KeepsTheStateOfAConversationWhereItMayNot) {
  EXPECT_LT(honest_score({get("/slots"),
                          post("/slots/0?action=save", R"({"filename":"/data/a.bin"})", 400),
                          post("/slots/0?action=save", R"({"filename":"a.bin"})")}),
            100);
}

TEST(HonestOwner, TriesAnAgentsDoorWithAWrongKey) {
  EXPECT_LT(
      honest_score(
          {key("old", post("/tools/invoke", R"({"tool":"exec","args":{"command":"whoami"}})", 401)),
           key("new", post("/tools/invoke", R"({"tool":"exec","args":{"command":"whoami"}})"))}),
      100);
}

TEST(HonestOwner, LooksForWhatAKeyMaySpend) {
  EXPECT_LT(honest_score({key("k", get("/v1/dashboard/billing/subscription", 404)),
                          key("k", get("/v1/dashboard/billing/usage", 404)),
                          key("k", get("/v1/organization/usage/completions", 404))}),
            100);
}

}  // namespace
}  // namespace probewall::test
