// SPDX-License-Identifier: Apache-2.0
// `rules test`: requests and sessions from a file, judged by the built program.
#include "unit/cli_run.hpp"

namespace probewall {
namespace {

using test::CliResult;
using test::TempDirectory;

constexpr const char* kRules = R"(rules:
  - id: secret-path
    description: asks for the secret
    aims: [open-access]
    references: [OWASP-LLM02, "https://example.org/a"]
    score: 60
    when: {path: /secret}
  - id: refused-secret
    description: and was refused
    aims: [open-access]
    score: 50
    when: {path: /secret}
    answer: {status: [401]}
  - id: quiet
    description: only watched
    aims: [open-access]
    score: 70
    shadow: true
    when: {path: /secret}
)";

class CliRules : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream{directory_.file(name), std::ios::binary} << text;
    return directory_.file(name);
  }
  CliResult run(const std::string& text, const std::string& arguments = "--json") {
    return test::run_cli(directory_, "rules test " + write("t", text) + " --rules " +
                                         write("r.yaml", kRules) + " " + arguments);
  }
  TempDirectory directory_;
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(CliRules, RawRequestShowsItsRulesAndTheScore) {
  const auto result = run("GET /secret HTTP/1.1\r\nHost: a\r\n\r\n", "");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "+60  secret-path: asks for the secret")) << result.out;
  EXPECT_TRUE(contains(result.out, "(70)  quiet")) << result.out;
  EXPECT_TRUE(contains(result.out, "Not blocked: 60 of 100 points.")) << result.out;
}

TEST_F(CliRules, KeysInPathsAndModelsAreCut) {
  const std::string body = R"({"model":"sk-abcdefghijklmnopqrstuvwx123456","messages":[]})";
  const auto result =
      run("POST /sk-abcdefghijklmnopqrstuvwx123456/v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
          "Content-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body,
          "");

  EXPECT_TRUE(contains(result.out, "POST /sk-…")) << result.out;
  EXPECT_TRUE(contains(result.out, "model sk-…")) << result.out;
  EXPECT_FALSE(contains(result.out, "abcdefghijklmnop")) << result.out;
}

TEST_F(CliRules, ReferencesOfARuleStandBesideIt) {
  const std::string request = "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n";

  const auto table = run(request, "");
  const auto json = run(request);

  EXPECT_TRUE(contains(table.out, "asks for the secret [OWASP-LLM02:2025, https://example.org/a]"))
      << table.out;
  EXPECT_TRUE(contains(json.out, R"("references":["OWASP-LLM02:2025","https://example.org/a"]})"))
      << json.out;
  EXPECT_TRUE(contains(json.out, R"("references":[]})")) << json.out;
}

TEST_F(CliRules, RequestTypedInAnEditorIsSentAsAClientWould) {
  const auto result = run("POST /secret HTTP/1.1\nHost: a\n\n{\"model\":\"m\"}\n", "--json");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, R"("path":"/secret")")) << result.out;
  EXPECT_TRUE(contains(result.out, R"("model":"m")")) << result.out;
  EXPECT_TRUE(contains(result.out, "sent as CRLF, with Content-Length")) << result.out;
}

TEST_F(CliRules, PipelinedRequestsAreJudgedOneByOne) {
  const std::string one = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

  const auto result = run(one + "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n");

  EXPECT_TRUE(contains(result.out, R"("path":"/a")")) << result.out;
  EXPECT_TRUE(contains(result.out, R"("rule":"secret-path")")) << result.out;
}

TEST_F(CliRules, BodyWithoutALengthIsSentAndSaid) {
  const std::string body = R"({"model":"m"})";
  for (const std::string end : {"\r\n", "\n"}) {
    for (const std::string blank : {"\r\n", "\n"}) {
      const auto result =
          run("POST /secret HTTP/1.1" + end + "Host: a" + end + blank + body, "--json");

      EXPECT_TRUE(contains(result.out, R"("model":"m")")) << result.out;
      EXPECT_TRUE(contains(result.out, "with Content-Length 13")) << result.out;
    }
  }
}

TEST_F(CliRules, RequestsTypedOneBehindTheOtherAreJudgedOneByOne) {
  for (const std::string body : {"", "{\"model\":\"m\"}\n\n"}) {
    const auto result =
        run("POST /a HTTP/1.1\nHost: a\n\n" + body + "GET /secret HTTP/1.1\nHost: a\n\n");

    EXPECT_TRUE(contains(result.out, R"("path":"/a")")) << result.out;
    EXPECT_TRUE(contains(result.out, R"("rule":"secret-path")")) << result.out;
  }
}

TEST_F(CliRules, BytesBehindAnAnnouncedBodyAreSaid) {
  const auto result =
      run("POST /secret HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}garbage", "");
  EXPECT_TRUE(contains(result.out, "7 bytes behind the announced body are sent as they stand"))
      << result.out;

  const auto shorter = run("POST /secret HTTP/1.1\nContent-Length: 9\n\n{}", "");
  EXPECT_TRUE(contains(shorter.out, "Content-Length says 9 bytes, 2 are there")) << shorter.out;
}

TEST_F(CliRules, RawBytesWithNothingToMendAreSentAsTheyAre) {
  const auto result =
      run("POST /secret HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}");

  EXPECT_TRUE(contains(result.out, R"("model":"m")")) << result.out;
  EXPECT_TRUE(contains(result.out, R"("notes":[])")) << result.out;
}

TEST_F(CliRules, SessionsOverHttp2AreSentInFrames) {
  const auto rules = write("h2.yaml", R"(rules:
  - {id: over-two, description: d, aims: [open-access], score: 60, when: {http: "2", path: /secret, model: m}}
  - {id: refused-two, description: d, aims: [open-access], score: 50, when: {http: "2.0"}, answer: {status: [401]}}
)");
  const std::string long_value(300, 'x');
  const auto file = write("s", R"({"requests":[{"http":"2","method":"POST","path":"/secret",)"
                               R"("headers":[["X-Long",")" +
                                   long_value + R"("]],"body":{"model":"m"},"resp_status":401}]})");

  const auto result =
      test::run_cli(directory_, "rules test " + file + " --rules " + rules + " --json");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, R"("rule":"over-two")")) << result.out;
  EXPECT_TRUE(contains(result.out, R"("rule":"refused-two")")) << result.out;
  EXPECT_TRUE(contains(result.out, R"("status":401)")) << result.out;
}

TEST_F(CliRules, SourcesOfOneKeyAreSeenTogetherOnly) {
  const auto rules = write("k.yaml", R"(rules:
  - id: shared-key
    description: d
    aims: [open-access]
    score: 60
    when: {path: /secret}
    source:
      - {key_sources: {at_least: 3}}
)");
  std::string sessions;
  for (const char* id : {"a", "b", "c"}) {
    sessions += std::string{R"({"id":")"} + id +
                R"(","requests":[{"method":"GET","path":"/secret",)"
                R"("headers":[["Authorization","Bearer sk-one-and-the-same"]]}]})"
                "\n";
  }
  const std::string command = "rules test " + write("s", sessions) + " --rules " + rules;

  const auto alone = test::run_cli(directory_, command);
  const auto alone_json = test::run_cli(directory_, command + " --json");
  const auto together = test::run_cli(directory_, command + " --together --json");

  EXPECT_FALSE(contains(alone.out, "+60")) << alone.out;
  EXPECT_TRUE(contains(alone.out, "Not tried: shared-key.")) << alone.out;
  EXPECT_TRUE(contains(alone_json.out, R"("not_tried":["shared-key"])")) << alone_json.out;
  EXPECT_TRUE(contains(together.out, R"("not_tried":[])")) << together.out;
  EXPECT_TRUE(contains(together.out, R"("id":"c","label":null,"requests":[{"method":"GET")"))
      << together.out;
  EXPECT_TRUE(contains(together.out, R"("rule":"shared-key","points":60)")) << together.out;
}

TEST_F(CliRules, AFileIsTriedOnTopOfTheShippedRules) {
  const auto mine = write("mine.yaml", R"(rules:
  - {id: mine, description: d, aims: [open-access], score: 5, when: {matches: products}}
)");
  const auto request = write("t", "GET /api/tags HTTP/1.1\r\nHost: a\r\n\r\n");

  const auto alone = test::run_cli(directory_, "rules test " + request + " --rules " + mine);
  const auto added = test::run_cli(directory_, "rules test " + request + " --add " + mine);

  EXPECT_EQ(alone.status, 5);
  EXPECT_TRUE(
      contains(alone.err, "unknown set 'products'; the files compiled together define none"))
      << alone.err;
  EXPECT_EQ(added.status, 0) << added.err;
  EXPECT_TRUE(contains(added.out, "+5  mine: d")) << added.out;
  EXPECT_TRUE(contains(added.out, "no-headers")) << added.out;
}

TEST_F(CliRules, AnAddedFileTakesThePlaceOfOneOfItsName) {
  const auto mine = write("33-sides.yaml", R"(rules:
  - {id: sglang-all-sides, description: mine, aims: [open-access], score: 3, when: {path: /x}}
)");

  const auto result =
      test::run_cli(directory_, "rules test " + write("t", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n") +
                                    " --add " + mine);

  EXPECT_TRUE(contains(result.out, "+3  sglang-all-sides: mine")) << result.out << result.err;
}

TEST_F(CliRules, UnknownRuleInTheConfigurationIsNamedWithItsPlace) {
  const auto config = write("c.toml", "mode = \"observe\"\n[rules]\nshadow = [\"seed-addres\"]\n");
  for (const char* command : {"rules list", "config check"}) {
    const auto result = test::run_cli(directory_, "--config " + config + " " + command);

    EXPECT_NE(result.status, 0) << command;
    EXPECT_TRUE(contains(result.err,
                         "c.toml:3:1: rules.shadow: unknown rule 'seed-addres'; did you mean "
                         "'seed-address'?"))
        << result.err;
  }
}

TEST_F(CliRules, SessionIsBlockedByTheAnswerThatCompletesTheEvidence) {
  const auto result =
      run(R"({"id":"s1","label":"probe","requests":[)"
          R"({"t":0,"method":"GET","path":"/","headers":[["Host","a"]],"resp_status":200},)"
          R"({"t":1,"method":"GET","path":"/secret","headers":[["Host","a"]],"resp_status":401},)"
          R"({"t":2,"method":"GET","path":"/","headers":[["Host","a"]],"resp_status":200}]})"
          "\n");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, R"("blocked":1)")) << result.out;
  EXPECT_TRUE(
      contains(result.out, R"("rule":"refused-secret","points":50,"shadow":false,"on":"answer")"))
      << result.out;
  EXPECT_TRUE(contains(result.out, R"("decision":{"action":"block","request":2,"seconds":600)"))
      << result.out;
}

TEST_F(CliRules, EachSessionIsASourceOfItsOwn) {
  const std::string session =
      R"({"id":"s","requests":[{"method":"GET","path":"/secret","headers":[]}]})"
      "\n";

  const auto result = run(session + session);

  EXPECT_TRUE(contains(result.out, R"("blocked":0)")) << result.out;
}

TEST_F(CliRules, UnknownKeyIsNamedWithItsPlaceAndTheNearestKnownOne) {
  const auto result = run("\n{\"id\":\"s\",\"reqests\":[]}\n");

  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "/t:2: unknown key 'reqests'; did you mean 'requests'?"))
      << result.err;
}

TEST_F(CliRules, MistakeInsideARequestNamesTheRequest) {
  const auto result =
      run(R"({"requests":[{"method":"GET","path":"/"},{"method":"GET","paht":"/"}]})");

  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "/t:1: request 2: unknown key 'paht'; did you mean 'path'?"))
      << result.err;
}

TEST_F(CliRules, TextThatIsNeitherRequestNorSessionIsRefused) {
  for (const char* text : {"hello", "", "{not json}", "{\"requests\":[]}"}) {
    const auto result = run(text);
    EXPECT_EQ(result.status, 1) << text;
    EXPECT_TRUE(contains(result.err, "/t:1: ")) << result.err;
  }
}

TEST_F(CliRules, BadRuleFileIsNamedWithItsLine) {
  const auto rules = write("bad.yaml", "rules:\n  - id: a\n    whem: {path: /}\n");

  const auto result = test::run_cli(
      directory_, "rules test " + write("t", "GET / HTTP/1.1\r\n\r\n") + " --rules " + rules);

  EXPECT_EQ(result.status, 5);
  EXPECT_TRUE(contains(result.err, "bad.yaml:3")) << result.err;
  EXPECT_TRUE(contains(result.err, "'when'")) << result.err;
}

}  // namespace
}  // namespace probewall
