// SPDX-License-Identifier: Apache-2.0
// Cases of the shipped rules, by subject, and the words they are written in.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "unit/rules_shipped_wide_cases.hpp"

namespace probewall::test {

using Steps = std::vector<Step>;
/// `probe` must make the rule fire, `trap` must not.
struct Case {
  const char* rule;
  Steps probe;
  Steps trap;
};

inline const std::string kChrome =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36";
inline const std::string kLanguage = "Accept-Language: en-US,en;q=0.9";

inline Step no_model(std::string model) {
  return answered("{\"error\":\"model '" + model + "' not found\"}", chat(model, "hi", 404));
}
inline Step rpc(std::string method, int status = 200) {
  return post("/mcp", R"({"jsonrpc":"2.0","id":1,"method":")" + method + "\"}", status);
}
inline Step bare(std::string path) { return agent("", get(std::move(path))); }
/// A prompt under a system prompt.
inline Step told(std::string system, std::string prompt) {
  return post("/v1/chat/completions", R"({"model":"m","messages":[{"role":"system","content":")" +
                                          system + R"("},{"role":"user","content":")" + prompt +
                                          R"("}]})");
}
inline Step hostless(std::string path) {
  Step s = bare(std::move(path));
  s.host = false;
  return s;
}
inline Step decoy(Step s) {
  s.decoy = true;
  return s;
}
inline Step from(std::string address, Step s) {
  s.from = std::move(address);
  return s;
}
inline Step slow(Step s) {
  s.timed_out = true;
  s.status = 0;
  return s;
}
inline Step cut(Step s) {
  s.cut_head = true;
  s.truncated = true;
  return s;
}
inline Step sized(std::uint64_t length, Step s) {
  s.content_length = length;
  return s;
}
inline Step method(std::string m, Step s) {
  s.method = std::move(m);
  return s;
}
inline Step language(Step s) {
  s.headers.push_back(kLanguage);
  return s;
}
/// A client that sends Accept-Encoding and nothing else of its own.
inline Step library(Step s) {
  s.agent = "";
  s.headers = {"User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"};
  return s;
}
inline Step tokens(int max_tokens, Step s) {
  s.body.insert(1, "\"max_tokens\":" + std::to_string(max_tokens) + ",");
  return s;
}
inline Step generate(std::string model, std::string prompt) {
  return post("/api/generate", R"({"model":")" + model + R"(","prompt":")" + prompt + "\"}");
}
inline std::string n(int i) { return std::to_string(i); }

std::vector<Case> scan_cases();      // rules_shipped_scan_cases.cpp
std::vector<Case> sweep_cases();     // rules_shipped_sweep_cases.cpp
std::vector<Case> client_cases();    // rules_shipped_client_cases.cpp
std::vector<Case> exploit_cases();   // rules_shipped_exploit_cases.cpp
std::vector<Case> web_cases();       // rules_shipped_web_cases.cpp
std::vector<Case> load_cases();      // rules_shipped_load_cases.cpp
std::vector<Case> takeover_cases();  // rules_shipped_takeover_cases.cpp
std::vector<Case> disguise_cases();  // rules_shipped_disguise_cases.cpp
std::vector<Case> stranger_cases();  // rules_shipped_stranger_cases.cpp
std::vector<Case> grab_cases();      // rules_shipped_grab_cases.cpp
std::vector<Case> sides_cases();     // rules_shipped_sides_cases.cpp

inline std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto cases :
       {scan_cases, sweep_cases, client_cases, exploit_cases, takeover_cases, web_cases, load_cases,
        disguise_cases, stranger_cases, grab_cases, sides_cases}) {
    for (auto& one : cases()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace probewall::test
