// SPDX-License-Identifier: Apache-2.0
#include "core/http/well_known_keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/http/text.hpp"

namespace probewall {
namespace {

constexpr std::array<std::string_view, 48> kKeys{"empty",
                                                 "none",
                                                 "null",
                                                 "undefined",
                                                 "dummy",
                                                 "dummy-key",
                                                 "fake",
                                                 "fake-key",
                                                 "fakekey",
                                                 "test",
                                                 "test-key",
                                                 "testkey",
                                                 "token",
                                                 "key",
                                                 "api-key",
                                                 "apikey",
                                                 "your-api-key",
                                                 "your_api_key",
                                                 "x",
                                                 "xxx",
                                                 "na",
                                                 "n/a",
                                                 "no-key",
                                                 "nokey",
                                                 "not-needed",
                                                 "not_needed",
                                                 "notneeded",
                                                 "not-used",
                                                 "no-key-required",
                                                 "local",
                                                 "ollama",
                                                 "lm-studio",
                                                 "lmstudio",
                                                 "localai",
                                                 "vllm",
                                                 "llama.cpp",
                                                 "token-abc123",
                                                 "cant-be-empty",
                                                 "default-key",
                                                 "changeme",
                                                 "secret",
                                                 "password",
                                                 "admin",
                                                 "123456",
                                                 "litellm",
                                                 "master-key",
                                                 "anything",
                                                 "noop"};
/// After "sk-".
constexpr std::array<std::string_view, 14> kAfterSk{
    "1234",  "12345", "123456", "123456789", "test", "test-key",    "litellm", "no-key-required",
    "dummy", "fake",  "local",  "none",      "key",  "your-api-key"};

template <typename List>
bool in(const List& list, std::string_view key) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view known) { return equals_lower(key, known); });
}

/// What a variable is named with: "env:OPENAI_API_KEY", " api_key ", "your-key".
bool is_name(std::string_view text) {
  constexpr std::string_view kBeside = "_-:. ";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const char low = ascii_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || kBeside.find(c) != kBeside.npos;
  });
}

}  // namespace

bool is_unfilled_variable(std::string_view key) {
  if (key.size() < 4 || key.size() > 64) return false;
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"${", "}"},
                                    {"{{", "}}"},
                                    {"<", ">"},
                                    {"%", "%"},
                                    {"$", ""}}) {
    if (key.starts_with(open) && key.ends_with(close) && key.size() > open.size() + close.size() &&
        is_name(key.substr(open.size(), key.size() - open.size() - close.size()))) {
      return true;
    }
  }
  return false;
}

bool is_well_known_key(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  if (in(kKeys, key)) return true;
  if (key.size() < 6 || !equals_lower(key.substr(0, 3), "sk-")) return false;
  const auto rest = key.substr(3);
  // "sk-111111", "sk-xxxxxxxx"
  return in(kAfterSk, rest) || rest.find_first_not_of(rest.front()) == std::string_view::npos;
}

}  // namespace probewall
