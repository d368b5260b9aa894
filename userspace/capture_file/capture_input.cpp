// SPDX-License-Identifier: Apache-2.0
#include "capture_file/capture_input.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace probewall {
namespace {

constexpr std::size_t kReadBuffer = 128 * 1024;

/// What is behind the stream: the magic was read already and comes first.
struct Source {
  int fd;
  unsigned char magic[4];
  std::size_t magic_size;
  std::size_t given = 0;
};

ssize_t read_whole(int fd, void* to, std::size_t size) {
  ssize_t got;
  do {
    got = ::read(fd, to, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

ssize_t read_source(void* cookie, char* to, std::size_t size) {
  Source& source = *static_cast<Source*>(cookie);
  if (source.given < source.magic_size) {
    size = std::min(size, source.magic_size - source.given);
    std::memcpy(to, source.magic + source.given, size);
    source.given += size;
    return static_cast<ssize_t>(size);
  }
  if (source.given < kCaptureFileHeader) size = std::min(size, kCaptureFileHeader - source.given);
  const ssize_t got = read_whole(source.fd, to, size);
  if (got > 0) source.given += static_cast<std::size_t>(got);
  return got;
}

/// Tells where it stands, for std::ftell.
int seek_source(void* cookie, off64_t* at, int whence) {
  if (whence != SEEK_CUR || *at != 0) {
    errno = ESPIPE;
    return -1;
  }
  *at = static_cast<off64_t>(static_cast<Source*>(cookie)->given);
  return 0;
}

int close_source(void* cookie) {
  const std::unique_ptr<Source> source{static_cast<Source*>(cookie)};
  return ::close(source->fd);
}

}  // namespace

Result<CaptureInput> CaptureInput::open(const std::string& path) {
  CaptureInput input;
  const bool standard = path == "-";
  input.name = standard ? "standard input" : path;
  if (standard && ::isatty(STDIN_FILENO) == 1) {
    return fail(ExitStatus::kUsage, "standard input is a terminal: pipe a capture into it");
  }
  const int fd = standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                          : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(errno, "open " + input.name);
  auto source = std::make_unique<Source>(Source{.fd = fd, .magic = {}, .magic_size = 0});
  input.stream.reset(
      ::fopencookie(source.get(), "rb", {&read_source, nullptr, &seek_source, &close_source}));
  if (!input.stream) {
    ::close(fd);
    return fail(errno, "open " + input.name);
  }
  Source& held = *source.release();  // now the stream's
  while (held.magic_size < sizeof held.magic) {
    const ssize_t got =
        read_whole(fd, held.magic + held.magic_size, sizeof held.magic - held.magic_size);
    if (got < 0) return fail(errno, "read " + input.name);
    if (got == 0) break;
    held.magic_size += static_cast<std::size_t>(got);
  }
  std::setvbuf(input.stream.get(), nullptr, _IOFBF, kReadBuffer);
  input.descriptor = fd;
  std::memcpy(input.magic, held.magic, sizeof held.magic);
  input.magic_size = held.magic_size;
  return input;
}

}  // namespace probewall
