// SPDX-License-Identifier: Apache-2.0
// The daemon's own log: one line each to standard error, where systemd and a terminal pick it up.
#pragma once

#include <string_view>

namespace probewall {

/// One write(2), so that lines of guard and worker never mix. Callers pass no bytes from the wire.
void log_line(std::string_view text);

}  // namespace probewall
