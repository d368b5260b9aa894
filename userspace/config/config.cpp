// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "config/schema.hpp"
#include "config/units.hpp"

namespace probewall {
namespace config {
namespace {

std::string_view table_of(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}
std::string_view leaf_of(std::string_view key) { return key.substr(key.rfind('.') + 1); }

const Field* find_field(std::string_view key) {
  const auto& fields = schema();
  const auto it =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == key; });
  return it == fields.end() ? nullptr : &*it;
}

bool is_table(std::string_view name) {
  const auto& fields = schema();
  return std::any_of(fields.begin(), fields.end(),
                     [&](const Field& f) { return table_of(f.key) == name; });
}

/// The right name in the wrong table first, then the nearest spelling inside the same table, then
/// the nearest of all.
std::string nearest_key(const std::string& key) {
  std::vector<std::string> all, same_table;
  for (const Field& f : schema()) {
    if (leaf_of(f.key) == leaf_of(key)) return f.key;
    all.push_back(f.key);
    if (table_of(f.key) == table_of(key)) same_table.emplace_back(leaf_of(f.key));
  }
  const std::string leaf = nearest_word(leaf_of(key), same_table);
  if (leaf.empty()) return nearest_word(key, all);
  const std::string table{table_of(key)};
  return table.empty() ? leaf : table + "." + leaf;
}

std::string unknown_key(const std::string& key) {
  const std::string near = nearest_key(key);
  if (near.empty())
    return fmt::format("unknown key '{}'; `probewall config show` lists all keys", key);
  return fmt::format("unknown key '{}'; did you mean '{}'?", key, near);
}

std::string unknown_table(const std::string& name) {
  std::set<std::string> tables;
  for (const Field& f : schema()) {
    if (!table_of(f.key).empty()) tables.emplace(table_of(f.key));
  }
  const std::string near = nearest_word(name, tables);
  return near.empty() ? fmt::format("unknown table [{}]", name)
                      : fmt::format("unknown table [{}]; did you mean [{}]?", name, near);
}

}  // namespace

std::optional<Problem> apply(Config& config, const Setting& setting) {
  if (setting.table) {
    if (is_table(setting.key)) return {};
    if (find_field(setting.key) != nullptr) {
      return Problem{
          fmt::format("'{}' is one value, not a table: write {} = ...", setting.key, setting.key),
          setting.at};
    }
    return Problem{unknown_table(setting.key), setting.at};
  }
  const Field* field = find_field(setting.key);
  if (field == nullptr) {
    if (is_table(setting.key)) {
      return Problem{fmt::format("'{0}' is a table: write [{0}] and its keys below", setting.key),
                     setting.at};
    }
    return Problem{unknown_key(setting.key), setting.at};
  }
  auto problem = field->set(config, setting.value);
  if (problem) problem->what = fmt::format("'{}' {}", setting.key, problem->what);
  return problem;
}

std::optional<Problem> apply_text(Config& config, std::string_view key, std::string_view text) {
  Setting setting;
  setting.key = key;
  setting.value.content = std::string{text};
  return apply(config, setting);
}

std::optional<Contradiction> contradiction(const Config& c) {
  const auto has = [](const auto& ports, std::uint16_t port) {
    return std::find(ports.begin(), ports.end(), port) != ports.end();
  };
  if (c.block.first > c.block.max) {
    return {{"block.first",
             fmt::format("'block.first' is {}, longer than 'block.max' ({})",
                         format_duration(c.block.first), format_duration(c.block.max)),
             {}}};
  }
  if (c.block.min_prefix_v6 > c.block.ipv6_prefix) {
    return {{"block.min_prefix_v6",
             fmt::format("'block.min_prefix_v6' is {}, so no source (/{}) could be banned",
                         c.block.min_prefix_v6, c.block.ipv6_prefix),
             {}}};
  }
  if ((c.tag.mark & ~c.tag.mask) != 0) {
    return {{"tag.mark",
             fmt::format("'tag.mark' {:#010x} has bits outside 'tag.mask' {:#010x}", c.tag.mark,
                         c.tag.mask),
             {}}};
  }
  // A decoy may stand on a port that is only in the built-in list: nobody wrote that one down.
  const bool own_ports = c.ports != Config{}.ports;
  for (const auto port : c.decoy_ports) {
    if (has(c.ssh_ports, port)) {
      return {{"decoy_ports",
               fmt::format("'decoy_ports' names port {}, which is an SSH port", port),
               {}}};
    }
    if (own_ports && has(c.ports, port)) {
      return {{"decoy_ports",
               fmt::format("'decoy_ports' names port {}, which 'ports' names as an LLM server's; "
                           "take it out of one of them",
                           port),
               "ports"}};
    }
  }
  if (c.ports.empty() && c.decoy_ports.empty()) {
    return {{"ports", "'ports' is empty: nothing would be watched", {}}};
  }
  return {};
}

}  // namespace config

namespace {

using config::Problem;
using Places = std::map<std::string, std::string>;  // key -> "file:line:column"

constexpr std::size_t kMaxFile = 4u << 20;

tl::unexpected<Error> invalid(std::string message) {
  return tl::unexpected(Error{std::move(message), 0, ExitStatus::kConfigInvalid});
}

std::string place_text(std::string_view name, const config::Place& at) {
  return at.line == 0 ? std::string{name} : fmt::format("{}:{}:{}", name, at.line, at.column);
}

Result<void> merge_text(Config& config, std::string_view text, std::string_view name,
                        Places& places) {
  const auto settings = config::read_toml(text);
  if (!settings)
    return invalid(place_text(name, settings.error().at) + ": " + settings.error().what);
  for (const auto& setting : *settings) {
    places[setting.key] = place_text(name, setting.at);
    if (const auto problem = config::apply(config, setting)) {
      return invalid(place_text(name, problem->at) + ": " + problem->what);
    }
  }
  return {};
}

Result<void> merge_file(Config& config, const std::filesystem::path& file, Places& places) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const int error = errno;
    auto result = fail(error, "read " + file.string());
    result.value().status = error == EACCES ? ExitStatus::kPermission : ExitStatus::kConfigInvalid;
    return result;
  }
  std::string text;
  std::array<char, 16384> piece;
  while (text.size() <= kMaxFile && in) {
    in.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return invalid("read " + file.string() + ": not a readable file");
  if (text.size() > kMaxFile) return invalid(file.string() + ": larger than 4 MiB");
  return merge_text(config, text, file.string(), places);
}

Result<void> apply_overrides(Config& config, const ConfigOverrides& o) {
  if (!o.interfaces.empty()) {
    config::Setting setting{"interfaces", false, {}, {}};
    std::vector<config::Value> names;
    for (const auto& name : o.interfaces) names.push_back({name, {}});
    setting.value.content = std::move(names);
    if (const auto problem = config::apply(config, setting))
      return invalid("command line: " + problem->what);
  }
  const std::pair<const char*, const std::string&> texts[] = {
      {"paths.pin_directory", o.pin_directory},
      {"paths.runtime_directory", o.runtime_directory},
      {"storage.directory", o.storage_directory},
      {"events.file", o.events_file},
      {"metrics.listen", o.metrics_listen},
      {"mode", o.mode},
      {"xdp.mode", o.xdp_mode},
      {"capture.transport", o.transport}};
  for (const auto& [key, text] : texts) {
    if (text.empty()) continue;
    // An empty flag means "not given", so "off" is the word for switching these off by flag.
    const bool off = text == "off" && (key == std::string_view{"events.file"} ||
                                       key == std::string_view{"metrics.listen"});
    if (const auto problem = config::apply_text(config, key, off ? "" : text)) {
      return invalid("command line: " + problem->what);
    }
  }
  return {};
}

Result<void> check_whole(const Config& config, const Places& places, std::string_view name) {
  const auto found = config::contradiction(config);
  if (!found) return {};
  const auto place = places.find(found->key);
  const auto other = places.find(found->other);
  return invalid(
      (place != places.end() ? place->second : std::string{name}) + ": " + found->what +
      (other != places.end() ? fmt::format(" ('{}' is at {})", found->other, other->second) : ""));
}

Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> files;
  const auto directory = file.parent_path() / "conf.d";
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".toml") files.push_back(it->path());
  }
  if (error && error != std::errc::no_such_file_or_directory &&
      error != std::errc::not_a_directory) {
    return fail(error.value(), "read " + directory.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void note_places(Config& config, const Places& places) {
  const auto place = [&](const char* key) {
    const auto found = places.find(key);
    return found == places.end() ? std::string{} : found->second;
  };
  config.rules.disabled_at = place("rules.disabled");
  config.rules.shadow_at = place("rules.shadow");
}

}  // namespace

std::vector<IpPrefix> private_prefixes() {
  std::vector<IpPrefix> out;
  for (const char* text : {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                           "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7", "fe80::/10"}) {
    out.push_back(*IpPrefix::parse(text));
  }
  return out;
}

Result<Config> parse_config(std::string_view text, std::string_view name) {
  Config config;
  Places places;
  if (auto merged = merge_text(config, text, name, places); !merged)
    return tl::unexpected(merged.error());
  if (auto sound = check_whole(config, places, name); !sound) return tl::unexpected(sound.error());
  note_places(config, places);
  return config;
}

Result<Config> load_config(const std::filesystem::path& file, bool must_exist,
                           const ConfigOverrides& overrides) {
  Config config;
  Places places;
  std::error_code error;
  if (must_exist || std::filesystem::exists(file, error)) {
    if (auto merged = merge_file(config, file, places); !merged)
      return tl::unexpected(merged.error());
  }
  const auto extra = drop_ins(file);
  if (!extra) return tl::unexpected(extra.error());
  for (const auto& path : *extra) {
    if (auto merged = merge_file(config, path, places); !merged)
      return tl::unexpected(merged.error());
  }
  if (auto applied = apply_overrides(config, overrides); !applied)
    return tl::unexpected(applied.error());
  if (auto sound = check_whole(config, places, file.string()); !sound)
    return tl::unexpected(sound.error());
  note_places(config, places);
  return config;
}

std::string to_toml(const Config& config) {
  std::string out =
      "# Probewall configuration: every setting with the value in force. `probewall reload` "
      "applies "
      "changes,\n# except where it says (restart).\n";
  std::string table;
  for (const config::Field& field : config::schema()) {
    const auto dot = field.key.find('.');
    const std::string here = dot == std::string::npos ? "" : field.key.substr(0, dot);
    if (here != table) {
      table = here;
      out += fmt::format("\n[{}]\n", table);
    }
    const std::string leaf = dot == std::string::npos ? field.key : field.key.substr(dot + 1);
    out += fmt::format("# {}{}\n{} = {}\n", field.comment, field.live ? "" : " (restart)", leaf,
                       field.get(config));
  }
  return out;
}

}  // namespace probewall
