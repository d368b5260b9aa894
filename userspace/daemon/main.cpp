// SPDX-License-Identifier: Apache-2.0
// probewalld: the guard, or, started by a guard, its worker.
#include <exception>
#include <string_view>

#include "daemon/guard.hpp"
#include "daemon/log.hpp"
#include "daemon/options.hpp"
#include "daemon/worker.hpp"

namespace probewall {
namespace {

int report(const Error& error) {
  if (error.message != kReported) log_line(error.message);
  return static_cast<int>(error.status);
}

int run_guard(int argc, char** argv) {
  int status = 0;
  const auto options = parse_options(argc, argv, status);
  if (!options) return status;
  const auto config = load_config(options->config, options->config_given, options->overrides);
  if (!config) return report(config.error());
  const auto done = Guard::run(*config, [options] {
    return load_config(options->config, options->config_given, options->overrides);
  });
  return done ? 0 : report(done.error());
}

int run_worker() {
  const auto done = Worker::run();
  return done ? 0 : report(done.error());
}

}  // namespace
}  // namespace probewall

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string_view{argv[1]} == probewall::kWorkerArgument) {
      return probewall::run_worker();
    }
    return probewall::run_guard(argc, argv);
  } catch (const std::exception& e) {
    // Only running out of memory should come here; the kernel's state stays as it is.
    probewall::log_line(std::string{"stopped: "} + e.what());
    return static_cast<int>(probewall::ExitStatus::kFailed);
  }
}
