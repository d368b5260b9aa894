// SPDX-License-Identifier: Apache-2.0
// One contestant's receiver: attaches a program to an interface and holds it there.
#pragma once

#include <string>

#include "bench/fill.hpp"
#include "config/config.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

struct HoldOptions {
  std::string interface;
  std::string program;  ///< "ours", "drop" or "parse"
  XdpMode mode = XdpMode::kNative;
  Content content;
};

/// Attaches in this network namespace, prints one JSON line, and waits until standard input ends.
Result<void> hold(const HoldOptions& options);

}  // namespace probewall::bench
