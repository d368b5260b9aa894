// SPDX-License-Identifier: Apache-2.0
#include "cli/context.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "cli/text.hpp"

namespace probewall::cli {

std::string Context::config_path() const {
  return options_.config_path.empty() ? kDefaultConfigPath : options_.config_path;
}

Result<Config> Context::config() const {
  return load_config(config_path(), !options_.config_path.empty(), options_.overrides);
}

Config Context::config_or_default() const {
  if (auto loaded = config()) return *loaded;
  Config fallback;
  const ConfigOverrides& o = options_.overrides;
  if (!o.pin_directory.empty()) fallback.paths.pin_directory = o.pin_directory;
  if (!o.runtime_directory.empty()) fallback.paths.runtime_directory = o.runtime_directory;
  if (!o.storage_directory.empty()) fallback.storage.directory = o.storage_directory;
  return fallback;
}

std::string Context::control_socket() const {
  if (!options_.socket.empty()) return options_.socket;
  return config_or_default().paths.runtime_directory + "/control.sock";
}

std::string Context::admin_socket() const {
  return (std::filesystem::path(control_socket()).parent_path() / "admin.sock").string();
}

bool is_dead(const Error& error) {
  return error.status == ExitStatus::kUnreachable &&
         (error.errno_value == ENOENT || error.errno_value == ECONNREFUSED);
}

bool is_root() { return geteuid() == 0; }

int report(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "probewall: %s\n", sanitize(error.message).c_str());
  return static_cast<int>(error.status);
}

void notice(std::string_view text) {
  std::fflush(stdout);
  std::fprintf(stderr, "probewall: %s\n", sanitize(text).c_str());
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_line(std::string_view text) {
  print(text);
  print("\n");
}

int finish(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "probewall: standard output could not be written\n");
  return static_cast<int>(ExitStatus::kFailed);
}

}  // namespace probewall::cli
