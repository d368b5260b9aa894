// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "probewall/result.hpp"

namespace probewall {

std::optional<DaemonOptions> parse_options(int argc, char** argv, int& exit_status) {
  DaemonOptions options;
  auto& o = options.overrides;
  CLI::App app{
      "Probewall daemon: blocks LLM probers in the kernel. Flags override the configuration."};
  app.name("probewalld");
  app.set_version_flag("--version", std::string{"probewalld "} + PROBEWALL_VERSION);
  auto* config =
      app.add_option("--config", options.config, "configuration file")->capture_default_str();
  app.add_option("--interface", o.interfaces, "interface to attach to; repeat it for more")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--pin-dir", o.pin_directory, "directory on a bpffs for kernel state");
  app.add_option("--runtime-dir", o.runtime_directory, "directory for sockets and lock");
  app.add_option("--storage-dir", o.storage_directory,
                 "directory for decisions and the allow list");
  app.add_option("--events", o.events_file, "event log: a file, or - for standard output");
  app.add_option("--metrics-listen", o.metrics_listen, "address and port of metrics and API");
  app.add_option("--mode", o.mode, "enforce or observe")
      ->check(CLI::IsMember({"enforce", "observe"}));
  app.add_option("--xdp-mode", o.xdp_mode, "auto, native or generic")
      ->check(CLI::IsMember({"auto", "native", "generic"}));
  app.add_option("--transport", o.transport, "ring or perf")
      ->check(CLI::IsMember({"ring", "perf"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    app.exit(e);
    exit_status = static_cast<int>(ExitStatus::kOk);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    std::cerr << "probewalld: " << e.what() << " (see probewalld --help)\n";
    exit_status = static_cast<int>(ExitStatus::kUsage);
    return std::nullopt;
  }
  options.config_given = config->count() > 0;
  return options;
}

}  // namespace probewall
