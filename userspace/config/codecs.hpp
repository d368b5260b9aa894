// SPDX-License-Identifier: Apache-2.0
// How each kind of setting is read from a value, checked, and written back as TOML.
#pragma once

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <chrono>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "config/setting.hpp"
#include "config/units.hpp"

namespace probewall::config {

using Checked = std::optional<Problem>;

inline Checked wrong(const Value& value, std::string what) {
  return Problem{std::move(what), value.at};
}

inline std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

struct BoolCodec {
  Checked read(const Value& value, bool& out) const {
    const auto* b = std::get_if<bool>(&value.content);
    if (b == nullptr) return wrong(value, "must be true or false");
    out = *b;
    return {};
  }
  std::string write(bool value) const { return value ? "true" : "false"; }
};

struct IntCodec {
  std::int64_t min, max;
  template <typename T>
  Checked read(const Value& value, T& out) const {
    const auto* i = std::get_if<std::int64_t>(&value.content);
    if (i == nullptr)
      return wrong(value, fmt::format("must be a whole number from {} to {}", min, max));
    if (*i < min || *i > max)
      return wrong(value, fmt::format("is {}, must be from {} to {}", *i, min, max));
    out = static_cast<T>(*i);
    return {};
  }
  template <typename T>
  std::string write(T value) const {
    return fmt::format("{}", value);
  }
};

struct NumberCodec {
  double min, max;
  Checked read(const Value& value, double& out) const {
    double d = 0;
    if (const auto* i = std::get_if<std::int64_t>(&value.content)) {
      d = static_cast<double>(*i);
    } else if (const auto* f = std::get_if<double>(&value.content)) {
      d = *f;
    } else {
      return wrong(value, fmt::format("must be a number from {} to {}", min, max));
    }
    if (!(d >= min && d <= max))
      return wrong(value, fmt::format("is {}, must be from {} to {}", d, min, max));
    out = d;
    return {};
  }
  std::string write(double value) const { return fmt::format("{}", value); }
};

/// Bytes: 4096, "4k", "64MiB".
struct SizeCodec {
  std::uint64_t min, max;
  template <typename T>
  Checked read(const Value& value, T& out) const {
    std::optional<std::uint64_t> size;
    if (const auto* i = std::get_if<std::int64_t>(&value.content); i != nullptr && *i >= 0) {
      size = static_cast<std::uint64_t>(*i);
    } else if (const auto* s = std::get_if<std::string>(&value.content)) {
      size = parse_size(*s);
    }
    if (!size) return wrong(value, "must be a size such as 4096, \"4KiB\" or \"64MiB\"");
    if (*size < min || *size > max) {
      return wrong(value, fmt::format("is {}, must be from {} to {}", format_size(*size),
                                      format_size(min), format_size(max)));
    }
    out = static_cast<T>(*size);
    return {};
  }
  std::string write(std::uint64_t value) const { return toml_text(format_size(value)); }
};

/// Whole seconds: 90, "10m", "1h30m".
struct SecondsCodec {
  std::chrono::seconds min, max;
  Checked read(const Value& value, std::chrono::seconds& out) const {
    std::optional<std::chrono::nanoseconds> d;
    if (const auto* i = std::get_if<std::int64_t>(&value.content)) {
      d = parse_duration(std::to_string(*i));
    } else if (const auto* s = std::get_if<std::string>(&value.content)) {
      d = parse_duration(*s);
    }
    if (!d)
      return wrong(value,
                   "must be a time such as \"10m\", \"1h30m\", \"30d\" or a number of seconds");
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*d);
    if (whole != *d) return wrong(value, "is " + format_duration(*d) + ", must be whole seconds");
    if (whole < min || whole > max) {
      return wrong(value, fmt::format("is {}, must be from {} to {}", format_duration(whole),
                                      format_duration(min), format_duration(max)));
    }
    out = whole;
    return {};
  }
  std::string write(std::chrono::seconds value) const { return toml_text(format_duration(value)); }
};

template <typename E>
struct EnumCodec {
  std::vector<std::pair<const char*, E>> names;
  Checked read(const Value& value, E& out) const {
    std::vector<std::string> words;
    const auto* s = std::get_if<std::string>(&value.content);
    for (const auto& [name, e] : names) {
      words.push_back(toml_text(name));
      if (s == nullptr || *s != name) continue;
      out = e;
      return {};
    }
    return wrong(value,
                 fmt::format("{}must be {}", s != nullptr ? "is " + toml_text(*s) + ", " : "",
                             fmt::join(words, " or ")));
  }
  std::string write(E value) const {
    for (const auto& [name, e] : names) {
      if (e == value) return toml_text(name);
    }
    return toml_text("");
  }
};

/// Text that `valid` accepts; `what` completes "must be ...".
struct TextCodec {
  const char* what = "text";
  bool (*valid)(std::string_view) = nullptr;
  Checked read(const Value& value, std::string& out) const {
    const auto* s = std::get_if<std::string>(&value.content);
    if (s == nullptr) return wrong(value, fmt::format("must be {} in quotes", what));
    if (s->find('\0') != std::string::npos || (valid != nullptr && !valid(*s))) {
      return wrong(value, fmt::format("is {}, must be {}", toml_text(*s), what));
    }
    out = *s;
    return {};
  }
  std::string write(const std::string& value) const { return toml_text(value); }
};

struct PrefixCodec {
  Checked read(const Value& value, IpPrefix& out) const {
    const auto* s = std::get_if<std::string>(&value.content);
    const auto prefix = s != nullptr ? IpPrefix::parse(*s) : std::nullopt;
    if (!prefix) {
      return wrong(
          value, fmt::format(
                     "{}must be an address or prefix such as \"198.51.100.7\" or \"2001:db8::/32\"",
                     s != nullptr ? "is " + toml_text(*s) + ", " : ""));
    }
    out = *prefix;
    return {};
  }
  std::string write(const IpPrefix& value) const { return toml_text(value.to_string()); }
};

/// 0x-numbers, as fwmarks are written everywhere.
struct HexCodec {
  Checked read(const Value& value, std::uint32_t& out) const {
    std::int64_t number = -1;
    if (const auto* i = std::get_if<std::int64_t>(&value.content)) number = *i;
    if (const auto* s = std::get_if<std::string>(&value.content);
        s != nullptr && s->starts_with("0x")) {
      const auto [end, error] = std::from_chars(s->data() + 2, s->data() + s->size(), number, 16);
      if (error != std::errc{} || end != s->data() + s->size()) number = -1;
    }
    if (number < 0 || number > 0xffffffffll)
      return wrong(value, "must be 32 bits such as 0x000f0000");
    out = static_cast<std::uint32_t>(number);
    return {};
  }
  std::string write(std::uint32_t value) const { return fmt::format("{:#010x}", value); }
};

template <typename Element>
struct ListCodec {
  Element element;
  std::size_t max;
  template <typename T>
  Checked read(const Value& value, std::vector<T>& out) const {
    const auto* list = std::get_if<std::vector<Value>>(&value.content);
    if (list == nullptr) return wrong(value, "must be a list in brackets, e.g. [a, b]");
    if (list->size() > max)
      return wrong(value, fmt::format("has {} entries, at most {} fit", list->size(), max));
    std::vector<T> read;
    for (const Value& item : *list) {
      T one{};
      if (auto problem = element.read(item, one)) {
        problem->what = fmt::format("entry {} {}", read.size() + 1, problem->what);
        return problem;
      }
      bool known = false;
      for (const T& earlier : read) known = known || earlier == one;
      if (!known) read.push_back(std::move(one));
    }
    out = std::move(read);
    return {};
  }
  template <typename T>
  std::string write(const std::vector<T>& value) const {
    std::vector<std::string> words;
    words.reserve(value.size());
    for (const T& one : value) words.push_back(element.write(one));
    return fmt::format("[{}]", fmt::join(words, ", "));
  }
};

}  // namespace probewall::config
