// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"

namespace probewall {

struct DaemonOptions {
  std::string config = kDefaultConfigPath;
  bool config_given = false;
  ConfigOverrides overrides;
};

/// Reads the command line. A value: what to do. Nothing: `exit_status` is set; --help, --version or
/// a usage error were answered.
std::optional<DaemonOptions> parse_options(int argc, char** argv, int& exit_status);

}  // namespace probewall
