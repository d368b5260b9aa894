// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "cli/context.hpp"
#include "cli/json_view.hpp"

namespace probewall::cli {

/// Asks the daemon for `target` and prints its answer: as it came with --json, else by `print`. The
/// exit status.
int show_answer(const Context& context, const std::string& target,
                const std::function<void(const Json&)>& print);

}  // namespace probewall::cli
