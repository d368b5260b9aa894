// SPDX-License-Identifier: Apache-2.0
#include "cli/json_view.hpp"

#include <boost/json.hpp>

#include "cli/text.hpp"

namespace probewall::cli {

Result<Json> parse_json(std::string_view text) {
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 16;
  Json value = boost::json::parse({text.data(), text.size()}, error, {}, options);
  if (error)
    return fail(ExitStatus::kFailed, "the answer is no JSON; is that socket probewalld's?");
  return value;
}

const Json& at(const Json& object, std::string_view key) {
  static const Json kNull;
  const auto* o = object.if_object();
  const Json* value = o != nullptr ? o->if_contains({key.data(), key.size()}) : nullptr;
  return value != nullptr ? *value : kNull;
}

bool has(const Json& object, std::string_view key) { return !at(object, key).is_null(); }

std::string raw_text(const Json& object, std::string_view key) {
  const auto* s = at(object, key).if_string();
  return s != nullptr ? std::string(s->data(), s->size()) : std::string{};
}

std::string text(const Json& object, std::string_view key, std::size_t max_bytes) {
  return sanitize(raw_text(object, key), max_bytes);
}

double number(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  if (const auto* d = value.if_double()) return *d;
  if (const auto* i = value.if_int64()) return static_cast<double>(*i);
  if (const auto* u = value.if_uint64()) return static_cast<double>(*u);
  return 0;
}

std::uint64_t count(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  if (const auto* i = value.if_int64()) return *i > 0 ? static_cast<std::uint64_t>(*i) : 0;
  if (const auto* u = value.if_uint64()) return *u;
  return 0;
}

bool flag(const Json& object, std::string_view key) {
  const auto* b = at(object, key).if_bool();
  return b != nullptr && *b;
}

const boost::json::array& list(const Json& object, std::string_view key) {
  static const boost::json::array kNone;
  const auto* a = at(object, key).if_array();
  return a != nullptr ? *a : kNone;
}

std::string compact(const Json& value) { return boost::json::serialize(value); }

}  // namespace probewall::cli
