// SPDX-License-Identifier: Apache-2.0
#include "core/servers/model_names.hpp"

#include <algorithm>

namespace probewall {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The JSON string whose opening quote is at `at`, `at` moved behind it. False: it does not end.
bool take_string(std::string_view text, std::size_t& at, std::string& out) {
  out.clear();
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') {
      ++at;
      return true;
    }
    if (text[at] == '\\' && ++at == text.size()) return false;
    out += text[at];  // an escape's letter: names hold at most \" and \/
  }
  return false;
}

bool names_a_model(const std::string& key) {
  return key == "id" || key == "name" || key == "model" || key == "model_id";
}

}  // namespace

ModelNames read_model_names(std::string_view body, std::size_t max) {
  ModelNames out;
  std::string key, value;
  long depth = 0;
  bool ended = true;
  for (std::size_t at = 0; at < body.size();) {
    const char c = body[at];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c != '"') {
      ++at;
      continue;
    }
    if (!take_string(body, at, key)) {
      ended = false;
      break;
    }
    const auto colon = body.find_first_not_of(kSpace, at);
    if (colon == std::string_view::npos || body[colon] != ':' || !names_a_model(key)) continue;
    auto quote = body.find_first_not_of(kSpace, colon + 1);
    if (quote == std::string_view::npos || body[quote] != '"') continue;
    ended = take_string(body, quote, value);
    at = quote;
    if (!ended) break;
    // vLLM gives each model's permissions an id of their own.
    if (value.empty() || value.size() > kModelNameBytes || value.starts_with("modelperm-"))
      continue;
    if (std::find(out.names.begin(), out.names.end(), value) != out.names.end()) continue;
    if (out.names.size() == max) return out;
    out.names.push_back(value);
  }
  out.whole = ended && depth == 0 && !out.names.empty();
  return out;
}

}  // namespace probewall
