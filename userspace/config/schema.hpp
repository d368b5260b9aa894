// SPDX-License-Identifier: Apache-2.0
// One row per setting: its key, what it is for, how to read it and how to write it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/setting.hpp"

namespace probewall::config {

struct Field {
  std::string key;      ///< dotted
  std::string comment;  ///< one line for to_toml
  std::function<std::optional<Problem>(Config&, const Value&)> set;
  std::function<std::string(const Config&)> get;  ///< TOML value
  std::function<void(Config& to, const Config& from)> copy;
  bool live = false;  ///< a reload applies it; else a restart is needed
};

/// All settings, those without a table first, then table by table.
const std::vector<Field>& schema();

}  // namespace probewall::config
