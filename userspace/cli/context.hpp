// SPDX-License-Identifier: Apache-2.0
// What every command gets: the global options, and how to reach the daemon or its pinned state.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "control/admin_client.hpp"
#include "control/api_client.hpp"
#include "probewall/result.hpp"

namespace probewall::cli {

struct GlobalOptions {
  bool json = false;
  std::string socket;       ///< control.sock; empty: from the configuration
  std::string config_path;  ///< empty: the default path
  ConfigOverrides overrides;
};

class Context {
 public:
  explicit Context(GlobalOptions options) : options_(std::move(options)) {}

  bool json() const { return options_.json; }
  /// The configuration on disk with the flags' overrides; a path named on the command line must
  /// exist.
  Result<Config> config() const;
  std::string config_path() const;
  ApiClient api() const { return ApiClient(control_socket()); }
  AdminClient admin() const { return AdminClient(admin_socket()); }
  std::string control_socket() const;
  std::string admin_socket() const;  ///< control.sock's sibling
  /// The configuration for working without the daemon; a broken file falls back to the defaults.
  Config config_or_default() const;

 private:
  GlobalOptions options_;
};

/// A command: does its work, prints, returns the exit status.
using Command = std::function<int(const Context&)>;

/// True when the daemon is not there at all (as against hanging or refusing).
bool is_dead(const Error& error);
bool is_root();

/// Prints "probewall: message" to standard error and returns the error's exit status.
int report(const Error& error);
/// One line to standard error.
void notice(std::string_view text);
/// Standard output, without a line feed of its own.
void print(std::string_view text);
void print_line(std::string_view text);
/// Flushes standard output; `status`, or 1 when it could not be written.
int finish(int status);

}  // namespace probewall::cli
