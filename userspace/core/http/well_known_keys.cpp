// SPDX-License-Identifier: Apache-2.0
#include "core/http/well_known_keys.hpp"

#include <algorithm>
#include <array>

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

}  // namespace

bool is_well_known_key(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  if (in(kKeys, key)) return true;
  if (key.size() < 6 || !equals_lower(key.substr(0, 3), "sk-")) return false;
  const auto rest = key.substr(3);
  // "sk-111111", "sk-xxxxxxxx"
  return in(kAfterSk, rest) || rest.find_first_not_of(rest.front()) == std::string_view::npos;
}

}  // namespace probewall
