// SPDX-License-Identifier: Apache-2.0
#include "control/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace probewall {
namespace {

tl::unexpected<Error> connect_error(const std::string& path, int error) {
  Error result{"", error, ExitStatus::kUnreachable};
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      result.message = "probewalld is not running (nobody listens on " + path +
                       "); start it, or name its socket with --socket";
      break;
    case EACCES:
    case EPERM:
      result.message =
          "no permission to use " + path + "; run as root or as a member of group probewall";
      result.status = ExitStatus::kPermission;
      break;
    default:
      result.message = "connect to " + path + ": " + std::strerror(error);
  }
  return tl::unexpected(std::move(result));
}

}  // namespace

Result<int> connect_unix(const std::string& path, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ExitStatus::kUsage, "the socket path " + path + " is longer than 107 letters");
  }
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(errno, "socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close(fd);
    return connect_error(path, error);
  }
  return fd;
}

Result<void> clear_stale_socket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail(errno, "look at " + path);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(EEXIST,
                path + " is in the way and is no socket; move it or set paths.runtime_directory");
  }
  if (const auto fd = connect_unix(path, SOCK_STREAM)) {
    close(*fd);
    return fail(EADDRINUSE, "another probewalld listens on " + path +
                                "; stop it or set paths.runtime_directory");
  }
  if (unlink(path.c_str()) != 0) return fail(errno, "remove the stale " + path);
  return {};
}

}  // namespace probewall
