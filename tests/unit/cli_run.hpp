// SPDX-License-Identifier: Apache-2.0
// Runs the built probewall binary.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "unit/ops_daemon.hpp"

namespace probewall::test {

struct CliResult {
  int status = -1;
  std::string out, err;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// `arguments` goes through the shell. Output files lie in `scratch`.
inline CliResult run_cli(const TempDirectory& scratch, const std::string& arguments,
                         const std::string& prefix = "") {
  const std::string out = scratch.file("out"), err = scratch.file("err");
  const int status = std::system(
      (prefix + " " + PROBEWALL_CLI + " " + arguments + " >" + out + " 2>" + err + " </dev/null")
          .c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

}  // namespace probewall::test
