// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <unistd.h>

#include <string>

namespace probewall {

void log_line(std::string_view text) {
  std::string line = "probewalld: ";
  line += text;
  line += '\n';
  // Nobody to tell when standard error is gone.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace probewall
