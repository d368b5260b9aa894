// SPDX-License-Identifier: Apache-2.0
// A configuration value with its place, free of the file format it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "probewall/result.hpp"

namespace probewall::config {

struct Place {
  unsigned line = 0;  ///< from 1; 0: not from a file
  unsigned column = 0;
};

struct Value {
  std::variant<bool, std::int64_t, double, std::string, std::vector<Value>> content;
  Place at;
};

/// One key with its dotted path ("block.first"). `table`: a table's head, `value` is empty.
struct Setting {
  std::string key;
  bool table = false;
  Value value;
  Place at;  ///< of the key
};

struct Problem {
  std::string what;
  Place at;
};

/// Flattens one TOML text into its settings, in the order of the keys' names. Never throws.
tl::expected<std::vector<Setting>, Problem> read_toml(std::string_view text);

/// Applies one setting. Problem: unknown key (with the nearest known one), wrong type, out of
/// range.
std::optional<Problem> apply(Config& config, const Setting& setting);
/// Sets what was given as text on a command line.
std::optional<Problem> apply_text(Config& config, std::string_view key, std::string_view text);
/// What no single setting can tell: order of two bounds, ports named twice for different ends.
struct Contradiction {
  std::string key;  ///< the setting to blame
  std::string what;
  std::string other;  ///< the setting whose place helps to mend it; empty: none
};
std::optional<Contradiction> contradiction(const Config& config);

}  // namespace probewall::config
