// SPDX-License-Identifier: Apache-2.0
// Cases for rules that look at many servers, models, keys or requests; see rules_shipped_cases.hpp.
#pragma once

#include "unit/rules_sessions.hpp"

namespace probewall::test {

/// `make(i)` for i = 0 ... n-1.
template <typename Make>
std::vector<Step> repeat(int n, Make make) {
  std::vector<Step> steps;
  for (int i = 0; i < n; ++i) steps.push_back(make(i));
  return steps;
}

/// One server after the other, `rounds` times.
inline std::vector<Step> visits(int servers, int rounds, double seconds_between) {
  return repeat(servers * rounds, [&](int i) {
    return at(seconds_between * i, on(i % servers + 1, 8000, get("/api/tags")));
  });
}

/// The same, the first two refusing.
inline std::vector<Step> refusing(std::vector<Step> steps) {
  steps[0].status = steps[1].status = 401;
  return steps;
}

/// An answered question to one server after the other.
inline std::vector<Step> questions(int servers, double seconds_between) {
  return repeat(servers, [&](int i) {
    return at(seconds_between * i, on(i + 1, 8000, chat("m", std::to_string(i))));
  });
}

inline std::vector<Step> refused(std::vector<const char*> models) {
  return repeat(static_cast<int>(models.size()),
                [&](int i) { return chat(models[static_cast<std::size_t>(i)], "hi", 401); });
}

inline std::vector<Step> one_key_from(int sources, int status) {
  return repeat(sources, [&](int i) {
    Step s = chat("m", "hi", status, "sk-shared");
    s.from = "198.51.100." + std::to_string(i + 1);
    return s;
  });
}

inline Step asks_for(int tokens, std::string key = "") {
  Step s = post("/v1/chat/completions", R"({"model":"m","max_tokens":)" + std::to_string(tokens) +
                                            R"(,"messages":[{"role":"user","content":"x"}]})");
  s.key = std::move(key);
  return s;
}

inline Step over_limit(Step s) {
  s.over_limit = true;
  return s;
}

}  // namespace probewall::test
