// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "daemon/instance_lock.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

bool owned_by_root(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0;
}

/// /tmp as a storage directory must not change its owner.
bool is_ours(const Config& config, bool existed) {
  std::error_code ignored;
  return !existed || owned_by_root(guard_storage(config)) ||
         std::filesystem::is_empty(config.storage.directory, ignored);
}

}  // namespace

Result<void> prepare_storage(const Config& config, const WorkerIdentity& identity) {
  const auto& directory = config.storage.directory;
  std::error_code ignored;
  const bool existed = std::filesystem::exists(directory, ignored);
  if (auto made = make_directory(directory, 0755); !made) return made;
  if (is_ours(config, existed)) {
    if (chown(directory.c_str(), 0, identity.gid) != 0) return fail(errno, "chown " + directory);
    if (chmod(directory.c_str(), 01770) != 0) return fail(errno, "chmod " + directory);
  }
  if (auto made = make_directory(guard_storage(config), 0755); !made) return made;
  if (!owned_by_root(guard_storage(config))) {
    return fail(
        0, guard_storage(config) + " does not belong to root; look who made it, then remove it");
  }
  return {};
}

Result<void> prepare_event_file(const Config& config, const WorkerIdentity& identity) {
  const auto& path = config.events.file;
  if (path.empty() || path == "-") return {};
  const auto parent = std::filesystem::path{path}.parent_path().string();
  if (!parent.empty()) {
    if (auto made = make_directory(parent, 0755); !made) return made;
  }
  const UniqueFd fd{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640)};
  if (!fd && errno == ELOOP) return {};  // a link such as /dev/stdout: the operator's to arrange
  if (!fd) return fail(errno, "open event file " + path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return fail(errno, "look at event file " + path);
  if (!S_ISREG(status.st_mode)) return {};
  if (fchown(fd.get(), identity.uid, identity.gid) != 0) return fail(errno, "chown " + path);
  return {};
}

}  // namespace probewall
