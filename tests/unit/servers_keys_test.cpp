// SPDX-License-Identifier: Apache-2.0
// A server that lets any key in, or one out of a manual, is open to strangers, whatever they show.
#include <gtest/gtest.h>

#include "core/servers/server_registry.hpp"

namespace probewall {
namespace {

Timestamp at_minute(int minute) {
  return timestamp_from_ns(1'767'052'800'000'000'000ull) + std::chrono::minutes{minute};
}

class ServerKeys : public testing::Test {
 protected:
  ServerKeys() { registry_.set_inside({*IpPrefix::parse("10.0.0.0/8")}); }

  /// A chat under `key` ("": none, "manual": one that stands in manuals), answered with `status`.
  std::optional<Exposure> chat(const std::string& key, int status = 200, int minute = 0,
                               const std::string& client = "198.51.100.7") {
    return feed("POST", "/v1/chat/completions", Api::kChatCompletions, R"({"choices":[]})", key,
                status, minute, client);
  }
  /// A chat without a key that a page elsewhere asks for (`origin`), or that names `model`.
  void forbid(const std::string& body, bool origin, const std::string& model = "") {
    origin_ = origin;
    model_ = model;
    refusal_ = body;
    chat("", 403, 1);
    origin_ = false;
    model_.clear();
    refusal_ = kRefusal;
  }
  std::uint64_t refusals() { return registry_.list(at_minute(1)).at(0).refusals; }
  ServerReport report() { return registry_.list(at_minute(1)).at(0); }
  std::optional<Exposure> read(const std::string& path, const std::string& body,
                               Impl impl = Impl::kUnknown) {
    return feed("GET", path, Api::kInfo, body, "", 200, 0, "198.51.100.7", impl);
  }
  bool exposed(int minute = 0) { return registry_.exposed(at_minute(minute)).size() == 1; }

 private:
  std::optional<Exposure> feed(const std::string& method, const std::string& path, Api api,
                               const std::string& body, const std::string& key, int status,
                               int minute, const std::string& client, Impl impl = Impl::kUnknown) {
    Request request;
    request.id = ++id_;
    request.flow.client = *IpAddress::parse(client);
    request.flow.server = *IpAddress::parse("192.0.2.1");
    request.flow.server_port = 4000;
    request.source = source_of(request.flow.client, 64);
    request.head.method = method;
    request.head.path = path;
    request.head.auth = key.empty() ? AuthKind::kNone : AuthKind::kBearer;
    request.head.auth_hash = key;
    request.head.well_known_key = key == "manual";
    request.head.session_key = key.starts_with("session");
    request.head.origin = origin_;
    request.llm.model = model_;
    request.api = api;
    Response response;
    response.request_id = id_;
    response.time = at_minute(minute);
    response.status = status;
    response.impl = impl;
    response.head_and_body_prefix = "HTTP/1.1 " + std::to_string(status) +
                                    " X\r\nContent-Type: application/json\r\n\r\n" +
                                    (status == 200 ? body : refusal_);
    return registry_.on_response(request, response);
  }

  static constexpr const char* kRefusal = R"({"error":"no"})";
  ServerRegistry registry_;
  std::string refusal_ = kRefusal;

 protected:
  bool origin_ = false;
  std::string model_;

 private:
  std::uint64_t id_ = 0;
};

TEST_F(ServerKeys, AKeyOutOfAManualThatIsLetInIsAnExposure) {
  chat("", 401);
  const auto exposure = chat("manual");
  ASSERT_TRUE(exposure.has_value());
  EXPECT_EQ(exposure->evidence(),
            "POST /v1/chat/completions with a key out of a manual from 198.51.100.7/32 was "
            "answered 200");
  chat("", 401);
  EXPECT_TRUE(exposed()) << "strangers without a key were never let in";
  chat("manual", 401);
  EXPECT_FALSE(exposed()) << "mended";
}

TEST_F(ServerKeys, FourKeysOfOneStrangerAreNotAllRight) {
  for (const char* key : {"a", "b", "c", "a"}) EXPECT_FALSE(chat(key).has_value()) << key;
  const auto exposure = chat("d");
  ASSERT_TRUE(exposure.has_value());
  EXPECT_EQ(exposure->key, KeyShown::kAny);
  EXPECT_NE(exposure->evidence().find("one of several keys, all let in"), std::string::npos);
  chat("e", 401, 5);
  EXPECT_FALSE(exposed(5));
}

TEST_F(ServerKeys, AForbiddenToAForeignPageClosesNothing) {
  chat("");
  ASSERT_TRUE(exposed());
  forbid("", true);
  forbid("bad token", true);
  forbid("<h1>Forbidden</h1>", false);
  forbid("unknown model: key", false, "key");
  EXPECT_TRUE(exposed(1));
  EXPECT_EQ(refusals(), 0u);
  forbid(R"({"detail":"Not authenticated"})", false);
  EXPECT_FALSE(exposed(1)) << "mended";
  EXPECT_EQ(refusals(), 1u);
}

TEST_F(ServerKeys, SessionsThatChangeAreNotSeveralKeys) {
  for (const char* key : {"session1", "session2", "session3", "session4", "session5"})
    EXPECT_FALSE(chat(key).has_value()) << key;
  EXPECT_FALSE(exposed());
}

TEST_F(ServerKeys, AKeyInTheModelsPlaceIsNotShown) {
  model_ = "sk-prod-7f3a9c1e5b2d8f40";
  const auto exposure = chat("");
  ASSERT_TRUE(exposure.has_value());
  EXPECT_NE(exposure->evidence().find("(model sk-…)"), std::string::npos) << exposure->evidence();
  EXPECT_EQ(report().models, std::vector<std::string>{"sk-…"});
}

TEST_F(ServerKeys, CustomersWithAKeyEachAreNoExposure) {
  for (int i = 0; i < 9; ++i)
    chat("key" + std::to_string(i), 200, 0, "198.51.100." + std::to_string(i));
  for (int i = 0; i < 9; ++i) chat("key" + std::to_string(i), 200, 20 * i);
  EXPECT_FALSE(exposed(180));
}

TEST_F(ServerKeys, AServerThatRefusedAKeyLooksAtThem) {
  chat("typo", 401);
  for (const char* key : {"a", "b", "c", "d", "e"}) chat(key);
  EXPECT_FALSE(exposed());
}

TEST_F(ServerKeys, KeysShownInsideExposeNothing) {
  EXPECT_FALSE(chat("manual", 200, 0, "10.1.2.3").has_value());
  EXPECT_FALSE(exposed());
}

TEST_F(ServerKeys, OtherPeoplesQuestionsAndKeysAreAnExposure) {
  const auto slots = read("/slots", R"([{"id":0,"prompt":"secret"}])", Impl::kLlamaCpp);
  ASSERT_TRUE(slots.has_value());
  EXPECT_STREQ(to_string(slots->access), "prompts");
  EXPECT_NE(std::string{exposure_advice(slots->impl, slots->access)}.find("--no-slots"),
            std::string::npos);
  const auto keys = read("/key/list", R"({"keys":["a"]})", Impl::kLiteLlm);
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->access, Access::kManagement);
}

}  // namespace
}  // namespace probewall
