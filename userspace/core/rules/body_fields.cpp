// SPDX-License-Identifier: Apache-2.0
#include "core/rules/body_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/http/percent.hpp"
#include "core/http/text.hpp"
#include "core/llm/field_names.hpp"
#include "core/llm/json_text.hpp"

namespace probewall::rules {
namespace {

constexpr std::size_t kMaxNesting = 64;

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

/// Reads the string whose opening quote is at body[at]; leaves `at` behind its closing quote. A
/// view into `body`, or into `scratch` when something in it is escaped.
std::string_view read_string(std::string_view body, std::size_t& at, std::string& scratch) {
  const std::size_t begin = at + 1;
  at = find_string_special(body, begin);
  if (at >= body.size() || body[at] == '"') {
    const auto plain = body.substr(begin, std::min(at - begin, kMaxValue));
    at = std::min(at + 1, body.size());
    return plain;
  }
  scratch.assign(body.substr(begin, std::min(at - begin, kMaxValue)));
  while (at < body.size() && body[at] != '"') {
    char c = body[at];
    if (c == '\\' && at + 1 < body.size()) c = unescape(body, ++at);
    if (scratch.size() < kMaxValue) scratch += c;
    const std::size_t from = std::min(at + 1, body.size());
    at = find_string_special(body, from);
    const std::size_t room = kMaxValue - std::min(scratch.size(), kMaxValue);
    scratch.append(body.substr(from, std::min(at - from, room)));
  }
  at = std::min(at + 1, body.size());
  return scratch;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '+' || c == '.';
}

/// A field's name, lower case. `lasts`: the view is good as long as `fields`' own text.
std::string_view field_name_of(std::string_view from, bool lasts, FieldList& fields) {
  from = from.substr(0, kMaxFieldName);
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const bool lower = std::none_of(from.begin(), from.end(), upper);
  if (lower && lasts) return from;
  std::array<char, kMaxFieldName> text;
  std::transform(from.begin(), from.end(), text.begin(), ascii_lower);
  return fields.keep({text.data(), from.size()});
}

}  // namespace

std::optional<double> BodyField::number() const {
  if (is_string) return std::nullopt;
  if (const auto small = small_integer(value)) return static_cast<double>(*small);
  double v = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), v);
  if (code != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  return v;
}

bool is_prose(std::string_view name) {
  if (name.size() < 4 || name.size() > 10) return false;
  return name == "content" || name == "prompt" || name == "text" || name == "input" ||
         name == "role" || name == "system" || name == "messages" || name == "images" ||
         name == "text_input";
}

void read_body_fields(std::string_view body, FieldList& out, bool keep_prose) {
  if (find_any<'{', '['>(body) == std::string_view::npos) return;
  std::string scratch;
  std::string_view name;                            // of the value to come
  std::array<std::string_view, kMaxNesting> outer;  // names of the enclosing arrays and objects
  std::uint64_t arrays = 0;                         // bit n: what encloses level n is an array
  std::size_t depth = 0;
  std::size_t history = 0;  // depth of the enclosing history, 0 outside
  bool prose = false;
  for (std::size_t at = 0; at < body.size() && !out.full();) {
    const char c = body[at];
    if (c == '"') {
      const std::size_t start = at;
      const bool pass_over = prose && !keep_prose;
      std::string_view text;
      if (pass_over) {
        at = skip_json_string(body, at + 1).pos;
      } else {
        text = read_string(body, at, scratch);
      }
      std::size_t next = at;
      while (next < body.size() && is_blank(body[next])) ++next;
      if (next < body.size() && body[next] == ':') {
        std::size_t again = start;
        if (pass_over) text = read_string(body, again, scratch);
        name = field_name_of(text, text.data() != scratch.data(), out);
        prose = is_prose(name);
        at = next + 1;
      } else {
        if (history != 0) continue;
        if (text.data() == scratch.data()) text = out.keep(text);
        out.add({name, text, true, false});
      }
    } else if (c == '{' || c == '[') {
      if (depth == kMaxNesting) return;
      const bool keyed = depth > 0 && (arrays >> (depth - 1) & 1) == 0;
      const bool calls =
          history == 0 && keyed && is_call_history(field_name(name), c == '[', depth);
      arrays = (arrays & ~(1ull << depth)) | std::uint64_t{c == '['} << depth;
      outer[depth++] = name;
      if (calls) history = depth;
      ++at;
    } else if (c == '}' || c == ']') {
      if (depth > 0) {
        name = outer[--depth];
        if (depth < history) history = 0;
        prose = is_prose(name);
      }
      ++at;
    } else if (is_word(c)) {
      const std::size_t start = at;
      while (at < body.size() && is_word(body[at])) ++at;
      const auto word = body.substr(start, std::min(at - start, kMaxValue));
      if (history == 0) out.add({name, word, false, false});
    } else {
      ++at;
    }
  }
}

void read_known_fields(std::string_view body, std::span<const ScalarPlace> places, FieldList& out,
                       bool keep_prose) {
  std::string scratch;
  for (const ScalarPlace& place : places) {
    if (out.full()) return;
    const auto name = field_name_of(body.substr(place.name, place.name_size), true, out);
    std::string_view value =
        body.substr(place.value, std::min<std::size_t>(place.value_size, kMaxValue));
    if (place.is_string && !keep_prose && is_prose(name)) {
      value = {};
    } else if (place.escaped) {
      std::size_t at = place.value - 1;
      value = out.keep(read_string(body, at, scratch));
    }
    out.add({name, value, place.is_string, false});
  }
}

void read_query_fields(std::string_view target, FieldList& out) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return;
  std::string_view rest = target.substr(mark + 1);
  std::string value;
  while (!rest.empty() && !out.full()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    percent_decode(pair.substr(equals + 1, kMaxValue), value);
    out.add({field_name_of(pair.substr(0, equals), true, out), out.keep(value), true, true});
  }
}

}  // namespace probewall::rules
