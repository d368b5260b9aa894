// SPDX-License-Identifier: Apache-2.0
#include "core/rules/body_fields.hpp"

#include <charconv>

#include "core/rules/words.hpp"

namespace probewall::rules {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxNesting = 64;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads the string whose opening quote is at body[at]; leaves `at` behind its closing quote.
/// Only ASCII \u escapes are decoded: patterns look for URLs and paths, not for prose.
std::string read_string(std::string_view body, std::size_t& at) {
  std::string out;
  for (++at; at < body.size() && body[at] != '"'; ++at) {
    char c = body[at];
    if (c == '\\' && at + 1 < body.size()) {
      c = body[++at];
      if (c == 'n' || c == 'r' || c == 't') {
        c = ' ';
      } else if (c == 'u' && at + 4 < body.size()) {
        const int high = hex_digit(body[at + 3]);
        const int low = hex_digit(body[at + 4]);
        const bool ascii = body[at + 1] == '0' && body[at + 2] == '0' && high >= 0 && low >= 0;
        c = ascii ? static_cast<char>(high * 16 + low) : '?';
        at += 4;
      }
    }
    if (out.size() < kMaxValue) out += c;
  }
  if (at < body.size()) ++at;
  return out;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '+' || c == '.';
}

std::string field_name(std::string_view name) { return lower_case(name.substr(0, kMaxName)); }

}  // namespace

std::optional<double> BodyField::number() const {
  double v = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), v);
  if (is_string || code != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  return v;
}

void read_body_fields(std::string_view body, std::vector<BodyField>& out) {
  if (body.find_first_of("{[") == std::string_view::npos) return;
  std::string name;                // of the value to come
  std::vector<std::string> outer;  // names of the enclosing arrays and objects
  for (std::size_t at = 0; at < body.size() && out.size() < kMaxFields;) {
    const char c = body[at];
    if (c == '"') {
      std::string text = read_string(body, at);
      std::size_t next = body.find_first_not_of(" \t\r\n", at);
      if (next != std::string_view::npos && body[next] == ':') {
        name = field_name(text);
        at = next + 1;
      } else {
        out.push_back({name, std::move(text), true, false});
      }
    } else if (c == '{' || c == '[') {
      if (outer.size() == kMaxNesting) return;
      outer.push_back(name);
      ++at;
    } else if (c == '}' || c == ']') {
      if (!outer.empty()) {
        name = outer.back();
        outer.pop_back();
      }
      ++at;
    } else if (is_word(c)) {
      const std::size_t start = at;
      while (at < body.size() && is_word(body[at])) ++at;
      std::string word{body.substr(start, std::min(at - start, kMaxValue))};
      out.push_back({name, std::move(word), false, false});
    } else {
      ++at;
    }
  }
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void read_query_fields(std::string_view target, std::vector<BodyField>& out) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty() && out.size() < kMaxFields) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    out.push_back({field_name(pair.substr(0, equals)),
                   percent_decode(pair.substr(equals + 1, kMaxValue)), true, true});
  }
}

}  // namespace probewall::rules
