// SPDX-License-Identifier: Apache-2.0
// HTTP sessions as values, read by the real parsers and scored by the real source table.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/http/request_parser.hpp"
#include "core/llm/classify.hpp"
#include "core/llm/fields_reader.hpp"
#include "core/policy/policy.hpp"
#include "core/rules/rule_set.hpp"

namespace probewall::test {

/// One request and, with `status`, its answer.
struct Step {
  std::string method = "GET";
  std::string path = "/";
  std::string body;
  int status = 0;
  std::string key;                   ///< Authorization: Bearer KEY
  double at = -1;                    ///< seconds since the session began; -1: 0.1 s after the last
  std::vector<std::string> headers;  ///< "Name: value", behind the ordinary ones
  std::string agent = "python-requests/2.32.3";  ///< "": no ordinary headers at all, Host only
  std::string answer = "{}";                     ///< body of the answer
  std::string from;                              ///< "": the session's own source
  int server = 1;
  int port = 8000;
  bool decoy = false;
  bool timed_out = false;
  bool truncated = false;
  bool cut_head = false;
  bool conflicting = false;
  bool over_limit = false;
  bool host = true;                  ///< false: HTTP/1.0, and no Host
  std::uint64_t content_length = 0;  ///< 0: the body's own
};

inline Step chat(std::string model, std::string prompt, int status = 200, std::string key = "") {
  Step s;
  s.method = "POST";
  s.path = "/v1/chat/completions";
  s.body =
      R"({"model":")" + model + R"(","messages":[{"role":"user","content":")" + prompt + R"("}]})";
  s.status = status;
  s.key = std::move(key);
  return s;
}

inline Step get(std::string path, int status = 200) {
  Step s;
  s.path = std::move(path);
  s.status = status;
  return s;
}

inline Step post(std::string path, std::string body, int status = 200) {
  Step s;
  s.method = "POST";
  s.path = std::move(path);
  s.body = std::move(body);
  s.status = status;
  return s;
}

inline Step at(double seconds, Step s) {
  s.at = seconds;
  return s;
}
inline Step key(std::string k, Step s) {
  s.key = std::move(k);
  return s;
}
inline Step agent(std::string a, Step s) {
  s.agent = std::move(a);
  return s;
}
inline Step on(int server, int port, Step s) {
  s.server = server;
  s.port = port;
  return s;
}
inline Step with(std::vector<std::string> headers, Step s) {
  s.headers = std::move(headers);
  return s;
}
inline Step answered(std::string body, Step s) {
  s.answer = std::move(body);
  return s;
}

inline std::shared_ptr<const RuleSet> shipped_rules() {
  static const std::shared_ptr<const RuleSet> rules = [] {
    auto compiled = RuleSet::compile(RuleSet::builtin());
    EXPECT_TRUE(compiled.has_value()) << compiled.error().message;
    return *compiled;
  }();
  return rules;
}

/// Compiles one file named "t.yaml"; a failure fails the test.
inline std::shared_ptr<const RuleSet> rules_from(const std::string& yaml) {
  auto compiled = RuleSet::compile({{"t.yaml", yaml}});
  EXPECT_TRUE(compiled.has_value()) << (compiled ? "" : compiled.error().message);
  return compiled ? *compiled : nullptr;
}

inline std::string head_of(const Step& step, std::uint64_t length) {
  std::string head = step.method + " " + step.path +
                     (step.host ? " HTTP/1.1\r\nHost: gpu.example.org:8000\r\n" : " HTTP/1.0\r\n");
  if (!step.agent.empty()) {
    head += "User-Agent: " + step.agent + "\r\nAccept: */*\r\nConnection: keep-alive\r\n";
  }
  for (const std::string& h : step.headers) head += h + "\r\n";
  if (!step.key.empty()) head += "Authorization: Bearer " + step.key + "\r\n";
  if (length > 0) head += "Content-Length: " + std::to_string(length) + "\r\n";
  return head + "\r\n";
}

inline Request request_from(const Step& step, std::uint64_t id, Timestamp time,
                            const std::string& source) {
  const std::uint64_t length = step.content_length != 0 ? step.content_length : step.body.size();
  Request r;
  r.id = id;
  r.time = r.proven_time = time;
  r.flow.client = *IpAddress::parse(step.from.empty() ? source : step.from);
  r.flow.server = IpAddress::from_v4(0xc0000200u + static_cast<unsigned>(step.server));
  r.flow.server_port = static_cast<std::uint16_t>(step.port);
  r.source = source_of(r.flow.client, 64);
  r.head = parse_request_head(head_of(step, length), HashSecret{});
  r.body_prefix = step.body.substr(0, 4096);
  r.llm = read_llm_fields(r.body_prefix);
  const Classified c = classify(r.head, r.llm);
  r.api = c.api;
  r.impl = c.impl;
  r.proven = true;
  r.decoy = step.decoy;
  r.timed_out = step.timed_out;
  r.truncated = step.truncated || length > 4096;
  r.head_complete = !step.cut_head;
  r.conflicting = step.conflicting;
  r.over_limit = step.over_limit;
  return r;
}

/// A source table and a policy fed with sessions.
class Judge {
 public:
  explicit Judge(std::shared_ptr<const RuleSet> rules, PolicyConfig config = {},
                 std::uint32_t max_sources = 4096)
      : table(std::move(rules), config, max_sources), policy(config) {}

  /// From now on the table is told which requests have the same bytes.
  void number_contents() { numbered_ = true; }
  /// Feeds one step; returns the last verdict, with the detections of request and answer.
  Verdict feed(const Step& step, const std::string& source = "198.51.100.7") {
    seconds_ = step.at >= 0 ? step.at : seconds_ + 0.1;
    Request request = request_from(step, ++id_, time(seconds_), source);
    if (numbered_) {
      const std::string bytes = head_of(step, step.content_length) + step.body;
      request.content = contents_.try_emplace(bytes, contents_.size() + 1).first->second;
    }
    Verdict verdict = table.on_request(request);
    table.explain(verdict, request.source, request.proven_time);
    note(verdict, policy.decide(verdict, request));
    if (step.status == 0) return verdict;
    Response response;
    response.request_id = request.id;
    response.time = request.time + std::chrono::milliseconds{5};
    response.flow = request.flow;
    response.source = request.source;
    response.status = step.status;
    response.head_and_body_prefix =
        ("HTTP/1.1 " + std::to_string(step.status) + " X\r\n\r\n" + step.answer).substr(0, 1024);
    Verdict after = table.on_response(response);
    table.explain(after, response.source, response.time);
    note(after, policy.decide(after, response, &request));
    if (after.detections.empty()) {  // what explains the score came with the request
      after.reasons = verdict.reasons;
      after.aims = verdict.aims;
    }
    after.detections.insert(after.detections.begin(), verdict.detections.begin(),
                            verdict.detections.end());
    return after;
  }
  void feed_all(const std::vector<Step>& steps, const std::string& source = "198.51.100.7") {
    for (const Step& step : steps) feed(step, source);
  }

  static Timestamp time(double seconds) {
    return timestamp_from_ns(1'767'052'800'000'000'000ull) +
           Duration{static_cast<std::int64_t>(std::llround(seconds * 1e9))};
  }

  SourceTable table;
  Policy policy;
  std::vector<Detection> detections;
  std::vector<Decision> decisions;
  std::set<std::string> fired;

 private:
  void note(const Verdict& verdict, const std::optional<Decision>& decision) {
    for (const Detection& d : verdict.detections) {
      detections.push_back(d);
      fired.emplace(d.rule);
    }
    if (decision) decisions.push_back(*decision);
  }
  std::map<std::string, std::uint64_t> contents_;
  bool numbered_ = false;
  std::uint64_t id_ = 0;
  double seconds_ = 0;
};

/// Highest score the session reaches; fails when it is blocked.
inline double honest_score(const std::vector<Step>& steps) {
  Judge judge{shipped_rules()};
  double worst = 0;
  for (const Step& step : steps) worst = std::max(worst, judge.feed(step).score);
  for (const Decision& d : judge.decisions) {
    for (const Reason& r : d.reasons) ADD_FAILURE() << "blocked for " << r.rule << ": " << r.points;
  }
  return worst;
}

}  // namespace probewall::test
