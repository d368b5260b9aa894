// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace probewall::cli {

/// Reads the command line, runs the command, returns the exit status.
int run(int argc, char** argv);

}  // namespace probewall::cli
