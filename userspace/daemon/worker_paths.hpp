// SPDX-License-Identifier: Apache-2.0
// Where guard and worker keep their files. Both use the storage directory, which is root's, sticky
// and writable for the worker's group: the worker makes its files there but can neither remove nor
// replace the guard's, which lie in a directory of their own.
#pragma once

#include <string>

#include "config/config.hpp"
#include "daemon/privileges.hpp"
#include "probewall/result.hpp"

namespace probewall {

inline std::string guard_storage(const Config& config) {
  return config.storage.directory + "/guard";
}

/// Makes both directories. One that is there already and holds foreign files is left as it is.
Result<void> prepare_storage(const Config& config, const WorkerIdentity& identity);
/// Creates the event file, if it is to be a regular one, and gives it to the worker's user, who has
/// to open it again after a rotation. Called while still root.
Result<void> prepare_event_file(const Config& config, const WorkerIdentity& identity);

}  // namespace probewall
