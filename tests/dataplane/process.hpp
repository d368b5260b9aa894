// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "dataplane/unique_fd.hpp"

namespace probewall::lab {

/// A program running inside a namespace, ended in the destructor (and with us, if we crash).
class Process {
 public:
  Process(const std::string& netns, std::vector<std::string> arguments,
          std::vector<std::string> environment = {});
  ~Process();
  /// Reads its output (both streams) until `text` has come; false: it ended without.
  bool wait_for_output(const std::string& text);

 private:
  pid_t pid_ = -1;
  UniqueFd output_, input_;  // input stays open, so that it does not see an end of file
};

}  // namespace probewall::lab
