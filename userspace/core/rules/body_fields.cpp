// SPDX-License-Identifier: Apache-2.0
#include "core/rules/body_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/llm/json_text.hpp"

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

/// Appends the character that an escape at body[at] (behind the backslash) means. Only ASCII \u
/// escapes are decoded: patterns look for URLs and paths, not for prose.
char unescape(std::string_view body, std::size_t& at) {
  const char c = body[at];
  if (c == 'n' || c == 'r' || c == 't') return ' ';
  if (c != 'u' || at + 4 >= body.size()) return c;
  const int high = hex_digit(body[at + 3]);
  const int low = hex_digit(body[at + 4]);
  const bool ascii = body[at + 1] == '0' && body[at + 2] == '0' && high >= 0 && low >= 0;
  at += 4;
  return ascii ? static_cast<char>(high * 16 + low) : '?';
}

/// Reads the string whose opening quote is at body[at]; leaves `at` behind its closing quote.
void read_string(std::string_view body, std::size_t& at, std::string& out) {
  out.clear();
  for (++at; at < body.size() && body[at] != '"';) {
    const std::size_t special = std::max(find_string_special(body, at), at);
    const std::size_t room = kMaxValue - std::min(out.size(), kMaxValue);
    out.append(body.substr(at, std::min(special - at, room)));
    at = special;
    if (at >= body.size() || body[at] == '"') break;
    char c = body[at];
    if (c == '\\' && at + 1 < body.size()) c = unescape(body, ++at);
    if (out.size() < kMaxValue) out += c;
    ++at;
  }
  if (at < body.size()) ++at;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '+' || c == '.';
}

void set_name(std::string_view from, std::string& name) {
  name.assign(from.substr(0, kMaxName));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
}

}  // namespace

std::optional<double> BodyField::number() const {
  double v = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), v);
  if (is_string || code != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  return v;
}

bool is_prose(std::string_view name) {
  if (name.size() < 4 || name.size() > 8) return false;
  return name == "content" || name == "prompt" || name == "text" || name == "input" ||
         name == "role" || name == "system" || name == "messages" || name == "images";
}

void read_body_fields(std::string_view body, FieldList& out, bool keep_prose) {
  if (body.find_first_of("{[") == std::string_view::npos) return;
  std::string name, text;  // of the value to come
  std::string outer;       // names of the enclosing arrays and objects, one behind the other
  std::array<std::uint16_t, kMaxNesting> starts;
  std::size_t depth = 0;
  bool prose = false;
  for (std::size_t at = 0; at < body.size() && !out.full();) {
    const char c = body[at];
    if (c == '"') {
      const std::size_t start = at;
      const bool pass_over = prose && !keep_prose;
      if (pass_over) {
        at = skip_json_string(body, at + 1).pos;
        text.clear();
      } else {
        read_string(body, at, text);
      }
      std::size_t next = at;
      while (next < body.size() && is_blank(body[next])) ++next;
      if (next < body.size() && body[next] == ':') {
        std::size_t again = start;
        if (pass_over) read_string(body, again, text);
        set_name(text, name);
        prose = is_prose(name);
        at = next + 1;
      } else {
        BodyField& field = out.add(true, false);
        field.name = name;
        field.value.swap(text);
      }
    } else if (c == '{' || c == '[') {
      if (depth == kMaxNesting) return;
      starts[depth++] = static_cast<std::uint16_t>(outer.size());
      outer += name;
      ++at;
    } else if (c == '}' || c == ']') {
      if (depth > 0) {
        name.assign(outer, starts[--depth]);
        prose = is_prose(name);
        outer.resize(starts[depth]);
      }
      ++at;
    } else if (is_word(c)) {
      const std::size_t start = at;
      while (at < body.size() && is_word(body[at])) ++at;
      BodyField& field = out.add(false, false);
      field.name = name;
      field.value.assign(body.substr(start, std::min(at - start, kMaxValue)));
    } else {
      ++at;
    }
  }
}

void percent_decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t percent = std::min(text.find('%', i), text.size());
    out.append(text.substr(i, percent - i));
    i = percent;
    if (i == text.size()) return;
    const bool escape =
        i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])) : '%';
    if (escape) i += 2;
  }
}

void read_query_fields(std::string_view target, FieldList& out) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty() && !out.full()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    BodyField& field = out.add(true, true);
    set_name(pair.substr(0, equals), field.name);
    percent_decode(pair.substr(equals + 1, kMaxValue), field.value);
  }
}

}  // namespace probewall::rules
