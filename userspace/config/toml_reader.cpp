// SPDX-License-Identifier: Apache-2.0
// The only file that knows toml++.
#include <toml++/toml.h>

#include "config/setting.hpp"

namespace probewall::config {
namespace {

Place place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

std::optional<Value> value_of(const toml::node& node) {
  const Place at = place_of(node.source());
  if (const auto* b = node.as_boolean()) return Value{b->get(), at};
  if (const auto* i = node.as_integer()) return Value{i->get(), at};
  if (const auto* d = node.as_floating_point()) return Value{d->get(), at};
  if (const auto* s = node.as_string()) return Value{s->get(), at};
  if (const auto* list = node.as_array()) {
    std::vector<Value> elements;
    for (const toml::node& element : *list) {
      auto value = value_of(element);
      if (!value) return std::nullopt;
      elements.push_back(std::move(*value));
    }
    return Value{std::move(elements), at};
  }
  return std::nullopt;  // a date or a table inside a list: no setting takes one
}

std::optional<Problem> flatten(const toml::table& table, const std::string& prefix,
                               std::vector<Setting>& out) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string{key.str()};
    const Place at = place_of(key.source());
    if (const auto* inner = node.as_table()) {
      out.push_back({path, true, {}, at});
      if (auto problem = flatten(*inner, path + ".", out)) return problem;
      continue;
    }
    auto value = value_of(node);
    if (!value) {
      return Problem{
          "'" + path + "' cannot hold a date or a table; write text, a number or a list of them",
          at};
    }
    out.push_back({path, false, std::move(*value), at});
  }
  return std::nullopt;
}

}  // namespace

tl::expected<std::vector<Setting>, Problem> read_toml(std::string_view text) try {
  const toml::table table = toml::parse(text);
  std::vector<Setting> settings;
  if (auto problem = flatten(table, "", settings)) return tl::unexpected(std::move(*problem));
  return settings;
} catch (const toml::parse_error& error) {
  return tl::unexpected(Problem{std::string{error.description()}, place_of(error.source())});
}

}  // namespace probewall::config
