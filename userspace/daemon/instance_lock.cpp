// SPDX-License-Identifier: Apache-2.0
#include "daemon/instance_lock.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace probewall {
namespace {

Error permission(Error error) {
  if (error.errno_value == EACCES || error.errno_value == EPERM || error.errno_value == EROFS) {
    error.status = ExitStatus::kPermission;
  }
  return error;
}

/// The process that holds a flock on the file behind `fd`, from /proc/locks.
std::optional<long> lock_holder(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return std::nullopt;
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%02x:%02x:%lu", major(status.st_dev), minor(status.st_dev),
                static_cast<unsigned long>(status.st_ino));
  std::ifstream locks{"/proc/locks"};
  for (std::string line; std::getline(locks, line);) {
    // "1: FLOCK  ADVISORY  WRITE 709 00:14:1234 0 EOF"
    std::istringstream words{line};
    std::string number, kind, advisory, access, place;
    long pid = 0;
    if ((words >> number >> kind >> advisory >> access >> pid >> place) && kind == "FLOCK" &&
        place == wanted && pid > 0) {
      return pid;
    }
  }
  return std::nullopt;
}

Result<UniqueFd> lock_file(const std::string& path, int flags, const std::string& what) {
  UniqueFd fd{::open(path.c_str(), flags | O_CLOEXEC, 0644)};
  if (!fd) {
    auto error = fail(errno, "open " + path);
    return tl::unexpected(permission(std::move(error.value())));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return fail(errno, "lock " + path);
  const auto pid = lock_holder(fd.get());
  return fail(0, "another probewalld (" + (pid ? "pid " + std::to_string(*pid) : "pid unknown") +
                     ") already uses " + what +
                     "; stop it, or give this one its own --runtime-dir "
                     "and --pin-dir");
}

bool on_bpffs(std::filesystem::path path) {
  std::error_code ignored;
  while (!path.empty() && !std::filesystem::exists(path, ignored)) {
    if (path == path.parent_path()) return false;
    path = path.parent_path();
  }
  struct statfs fs {};
  return statfs(path.c_str(), &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

}  // namespace

Result<void> make_directory(const std::string& path, unsigned mode) {
  const std::filesystem::path whole{path};
  std::filesystem::path part;
  for (const auto& step : whole) {
    part /= step;
    if (mkdir(part.c_str(), part == whole ? mode : 0755) == 0 || errno == EEXIST) continue;
    auto error = fail(errno, "create directory " + part.string());
    return tl::unexpected(permission(std::move(error.value())));
  }
  if (!std::filesystem::is_directory(whole)) return fail(ENOTDIR, "create directory " + path);
  return {};
}

Result<InstanceLock> InstanceLock::take(const std::string& runtime_directory,
                                        const std::string& pin_directory) {
  InstanceLock lock;
  if (auto made = make_directory(runtime_directory, 0755); !made) {
    return tl::unexpected(made.error());
  }
  auto runtime = lock_file(runtime_directory + "/lock", O_RDWR | O_CREAT, runtime_directory);
  if (!runtime) return tl::unexpected(runtime.error());
  lock.runtime_ = std::move(*runtime);
  // Not a bpffs: the dataplane says so better than a lock error could, and nothing is made there.
  if (!on_bpffs(pin_directory)) return lock;
  if (auto made = make_directory(pin_directory, 0700); !made) return tl::unexpected(made.error());
  auto pins = lock_file(pin_directory, O_RDONLY | O_DIRECTORY, pin_directory);
  if (!pins) return tl::unexpected(pins.error());
  lock.pins_ = std::move(*pins);
  return lock;
}

}  // namespace probewall
