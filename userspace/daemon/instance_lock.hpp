// SPDX-License-Identifier: Apache-2.0
// One daemon per runtime directory and per pin directory: two would fight over the same tables.
#pragma once

#include <string>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Held until it dies, also by kill -9: flock goes with the process.
class InstanceLock {
 public:
  /// Makes `runtime_directory` (0755) and `pin_directory` (0700, when it lies on a bpffs) and locks
  /// both. Held by another daemon: an Error that names its pid.
  static Result<InstanceLock> take(const std::string& runtime_directory,
                                   const std::string& pin_directory);

 private:
  UniqueFd runtime_;
  UniqueFd pins_;
};

/// Makes `path` and its missing parents. An Error says which one and why.
Result<void> make_directory(const std::string& path, unsigned mode);

}  // namespace probewall
