// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include "cli/command_line.hpp"

int main(int argc, char** argv) try {
  return probewall::cli::run(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "probewall: %s\n", error.what());  // out of memory and the like
  return 1;
}
