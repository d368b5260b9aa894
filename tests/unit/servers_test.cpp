// SPDX-License-Identifier: Apache-2.0
// What answers teach about servers: product, models, and whether strangers are served.
#include <gtest/gtest.h>

#include "core/servers/model_names.hpp"
#include "core/servers/prefix_ranges.hpp"
#include "core/servers/server_registry.hpp"

namespace probewall {
namespace {

using Names = std::vector<std::string>;

Timestamp at_minute(int minute) {
  return timestamp_from_ns(1'767'052'800'000'000'000ull) + std::chrono::minutes{minute};
}

struct Exchange {
  std::string method = "POST";
  std::string path = "/v1/chat/completions";
  Api api = Api::kChatCompletions;
  int status = 200;
  std::string body = R"({"choices":[]})";
  std::string type = "application/json";
  std::string model = "llama3.2";
  bool key = false;
  std::string client = "198.51.100.7";
  std::string server = "192.0.2.1";
  Impl asked = Impl::kUnknown;
  Impl shown = Impl::kUnknown;
};

Exchange model_list(std::string body, Api api = Api::kModels) {
  Exchange e;
  e.method = "GET";
  e.path = "/v1/models";
  e.api = api;
  e.model.clear();
  e.body = std::move(body);
  return e;
}

Exchange refused(Exchange e) {
  e.status = 401;
  e.body = R"({"error":"Unauthorized"})";
  return e;
}

class Servers : public testing::Test {
 protected:
  Servers() { registry_.set_inside({*IpPrefix::parse("10.0.0.0/8")}); }

  std::optional<Exposure> feed(const Exchange& e, int minute = 0) {
    Request request;
    request.id = ++id_;
    request.flow.client = *IpAddress::parse(e.client);
    request.flow.server = *IpAddress::parse(e.server);
    request.flow.server_port = 8000;
    request.source = source_of(request.flow.client, 64);
    request.head.method = e.method;
    request.head.path = e.path;
    request.head.auth = e.key ? AuthKind::kBearer : AuthKind::kNone;
    request.api = e.api;
    request.impl = e.asked;
    request.llm.model = e.model;
    request.proven = true;
    Response response;
    response.request_id = id_;
    response.time = at_minute(minute);
    response.status = e.status;
    response.impl = e.shown;
    response.head_and_body_prefix = "HTTP/1.1 " + std::to_string(e.status) +
                                    " X\r\nContent-Type: " + e.type + "\r\n\r\n" + e.body;
    return registry_.on_response(request, response);
  }
  ServerReport only(int minute = 0) {
    const auto all = registry_.list(at_minute(minute));
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? ServerReport{} : all[0];
  }
  bool exposed(int minute = 0) { return registry_.exposed(at_minute(minute)).size() == 1; }

  ServerRegistry registry_;
  std::uint64_t id_ = 0;
};

TEST_F(Servers, GenerationForAStrangerWithoutAKeyIsAnExposureWithEvidence) {
  const auto exposure = feed({});

  ASSERT_TRUE(exposure.has_value());
  EXPECT_EQ(exposure->access, Access::kGeneration);
  EXPECT_EQ(exposure->evidence(),
            "POST /v1/chat/completions without a key from 198.51.100.7/32 was answered 200 "
            "(model llama3.2)");
  EXPECT_TRUE(exposed());
}

TEST_F(Servers, KeyInsideClientAndDecoyExposeNothing) {
  Exchange with_key, inside;
  with_key.key = true;
  inside.client = "10.1.2.3";

  EXPECT_FALSE(feed(with_key).has_value());
  EXPECT_FALSE(feed(inside).has_value());
  EXPECT_FALSE(exposed());
  EXPECT_EQ(only().answers, 2u);
}

TEST_F(Servers, RefusalWebPageAndErrorObjectExposeNothing) {
  Exchange page, error;
  page.type = "text/html";
  page.body = "<!doctype html><title>shop</title>";
  error.body = R"({"error":"Unexpected endpoint or method."})";

  EXPECT_FALSE(feed(refused({})).has_value());
  EXPECT_FALSE(feed(page).has_value());
  EXPECT_FALSE(feed(error).has_value());
  EXPECT_FALSE(exposed());
  EXPECT_EQ(only().refusals, 1u);
}

TEST_F(Servers, StreamsAndChunkedAnswersCountAsData) {
  Exchange stream, chunked;
  stream.type = "text/event-stream";
  stream.body = "data: {\"choices\":[]}\n\n";
  chunked.server = "192.0.2.2";
  chunked.body = "1f\r\n{\"choices\":[]}";

  EXPECT_TRUE(feed(stream).has_value());
  EXPECT_TRUE(feed(chunked).has_value());
}

TEST_F(Servers, HealthAndVersionAreNoExposure) {
  Exchange health;
  health.method = "GET";
  health.path = "/health";
  health.api = Api::kInfo;
  health.body = R"({"status":"ok"})";

  EXPECT_FALSE(feed(health).has_value());
  EXPECT_EQ(only().open_answers, 1u);
}

TEST_F(Servers, IsToldOnceUntilItGetsWorseOrADayHasPassed) {
  EXPECT_TRUE(feed(model_list(R"({"data":[{"id":"m"}]})"), 0).has_value());
  EXPECT_FALSE(feed(model_list(R"({"data":[{"id":"m"}]})"), 1).has_value());
  EXPECT_TRUE(feed({}, 2).has_value()) << "worse";
  EXPECT_FALSE(feed({}, 3).has_value());
  EXPECT_TRUE(feed({}, 2 + 24 * 60).has_value());
}

TEST_F(Servers, RefusalWithdrawsTheEvidenceAndPublicModelListStaysHarmless) {
  feed(model_list(R"({"data":[{"id":"m"}]})"), 0);
  feed({}, 1);
  ASSERT_TRUE(exposed(1));

  feed(refused({}), 2);

  EXPECT_FALSE(exposed(2));
  EXPECT_FALSE(feed(model_list(R"({"data":[{"id":"m"}]})"), 3).has_value());
  EXPECT_FALSE(exposed(3));
  EXPECT_TRUE(feed({}, 60).has_value()) << "open again";
}

TEST_F(Servers, AnswersAndRefusalsInTurnsDoNotFillTheLog) {
  int told = 0;
  for (int i = 0; i < 100; ++i) {
    told += feed({}, 0).has_value() ? 1 : 0;
    feed(refused({}), 0);
  }
  EXPECT_EQ(told, 1);
}

TEST_F(Servers, EvidenceHoldsAWeek) {
  feed({}, 0);
  EXPECT_TRUE(exposed(7 * 24 * 60));
  EXPECT_FALSE(exposed(7 * 24 * 60 + 1));
}

TEST_F(Servers, ManagementIsWorseThanGenerationAndReadingIsNot) {
  Exchange pull, show;
  pull.path = "/api/pull";
  pull.api = show.api = Api::kOllamaManage;
  show.path = "/api/show";

  EXPECT_EQ(feed(show)->access, Access::kModels);
  EXPECT_EQ(feed(pull)->access, Access::kManagement);
}

TEST_F(Servers, ProductComesFromAnswersBeforePaths) {
  Exchange by_path;
  by_path.asked = Impl::kOllama;
  feed(by_path);
  EXPECT_EQ(only().impl, Impl::kOllama);

  Exchange shown;
  shown.shown = Impl::kOpenWebUi;
  feed(shown);
  feed(by_path);
  EXPECT_EQ(only().impl, Impl::kOpenWebUi);
}

TEST_F(Servers, FormatOfAnAnswerDoesNotReplaceTheProductThatWasShown) {
  Exchange e;
  e.shown = Impl::kAnthropic;
  feed(e);
  EXPECT_EQ(only().impl, Impl::kAnthropic);

  e.shown = Impl::kOllama;
  feed(e);
  e.shown = Impl::kAnthropic;
  feed(e);
  EXPECT_EQ(only().impl, Impl::kOllama);
}

TEST_F(Servers, OwnListIsTheTruthAboutModels) {
  feed({});
  EXPECT_EQ(only().models, (Names{"llama3.2"}));

  feed(model_list(R"({"object":"list","data":[{"id":"qwen2.5:7b"},{"id":"phi4"}]})"));
  Exchange other;
  other.model = "gpt-4o";
  feed(other);

  EXPECT_EQ(only().models, (Names{"qwen2.5:7b", "phi4"}));
  EXPECT_FALSE(only().models_cut);
}

TEST_F(Servers, CutListShowsWhatItHolds) {
  feed(model_list(R"({"models":[{"name":"a:7b","model":"a:7b"},{"name":"b:1)"));

  EXPECT_EQ(only().models, (Names{"a:7b"}));
  EXPECT_TRUE(only().models_cut);
}

TEST_F(Servers, OtherWebServersMakeNoEntry) {
  Exchange page;
  page.api = Api::kNone;
  page.path = "/shop";
  feed(page);
  EXPECT_EQ(registry_.size(), 0u);
}

TEST_F(Servers, NumberIsBoundedAndTheLongestSilentGoesFirst) {
  for (std::size_t i = 0; i <= ServerRegistry::kMaxServers; ++i) {
    Exchange e;
    e.server = IpAddress::from_v4(0x0b000000u + static_cast<std::uint32_t>(i)).to_string();
    feed(e);
    if (i == 10) feed({.server = "11.0.0.0"});
  }
  EXPECT_EQ(registry_.size(), ServerRegistry::kMaxServers);
  EXPECT_EQ(registry_.evicted(), 1u);
  const auto known = registry_.exposed(at_minute(0));
  const auto has = [&](const char* text) {
    return std::find(known.begin(), known.end(), ServerAddress{*IpAddress::parse(text), 8000}) !=
           known.end();
  };
  EXPECT_TRUE(has("11.0.0.0"));
  EXPECT_FALSE(has("11.0.0.1"));
}

TEST(ModelNames, EveryPrefixOfAListIsReadWithoutInventingNames) {
  const std::string body =
      R"({"data":[{"id":"a\/b","permission":[{"id":"modelperm-1"}]},{ "name" : "c" , "model":"c"}]})";
  for (std::size_t n = 0; n <= body.size(); ++n) {
    const auto read = read_model_names(std::string_view{body}.substr(0, n), 8);
    for (const auto& name : read.names) EXPECT_TRUE(name == "a/b" || name == "c") << name;
    EXPECT_EQ(read.whole, n == body.size()) << n;
  }
  EXPECT_EQ(read_model_names(body, 8).names, (Names{"a/b", "c"}));
  EXPECT_EQ(read_model_names(body, 1).names, (Names{"a/b"}));
}

TEST(PrefixRanges, HoldsWhatItsPrefixesHold) {
  const PrefixRanges ranges{{*IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("10.1.0.0/16"),
                             *IpPrefix::parse("192.0.2.7"), *IpPrefix::parse("fc00::/7")}};
  for (const char* in : {"10.0.0.0", "10.1.2.3", "10.255.255.255", "192.0.2.7", "fdff::1"})
    EXPECT_TRUE(ranges.contains(*IpAddress::parse(in))) << in;
  for (const char* out : {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "fe00::", "::1"})
    EXPECT_FALSE(ranges.contains(*IpAddress::parse(out))) << out;
  EXPECT_FALSE(PrefixRanges{}.contains(*IpAddress::parse("10.0.0.1")));
}

TEST(ExposureAdvice, EveryProductHasSome) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Impl::kCount); ++i)
    EXPECT_GT(std::string{exposure_advice(static_cast<Impl>(i), Access::kGeneration)}.size(), 30u);
}

}  // namespace
}  // namespace probewall
