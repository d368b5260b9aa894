// SPDX-License-Identifier: Apache-2.0
// Where event lines go: a file that is appended to, or standard output. Lines are gathered and
// written whole, so that readers never see half a line of two writers mixed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "probewall/result.hpp"

namespace probewall {

/// Owns its descriptor (not standard output's). Not thread-safe.
class EventFile {
 public:
  /// `path`: appended to, created 0640; "-": standard output.
  static Result<EventFile> open(const std::string& path);
  EventFile(EventFile&& other) noexcept;
  EventFile& operator=(EventFile&& other) noexcept;
  ~EventFile();  ///< flushes

  /// Takes one or more whole lines. Written when 64 KiB are gathered, or by flush().
  void write(std::string_view lines);
  /// False when bytes could not be written: they are dropped and counted, never waited for.
  bool flush();
  /// Opens the path again, for log rotation. On failure the old file stays in use.
  Result<void> reopen();
  /// Lines lost because writing failed.
  std::uint64_t lost_lines() const { return lost_lines_; }
  int last_errno() const { return last_errno_; }  ///< of the last failed write; 0: none failed

 private:
  EventFile(std::string path, int fd);
  std::string path_;
  int fd_ = -1;
  std::string pending_;
  std::uint64_t lost_lines_ = 0;
  int last_errno_ = 0;
};

}  // namespace probewall
