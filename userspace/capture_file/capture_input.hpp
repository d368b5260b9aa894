// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "probewall/result.hpp"

namespace probewall {

/// Length of a classic capture file's header, in bytes.
inline constexpr std::size_t kCaptureFileHeader = 24;

/// A capture as a C stream for libpcap, from a file or from a pipe. Nothing is sought, and what
/// lies behind the first 24 bytes is not read ahead with them: after these, `descriptor` stands at
/// the first record of a classic capture.
struct CaptureInput {
  using Stream = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

  Stream stream{nullptr, &std::fclose};  ///< owns the descriptor; std::ftell works
  int descriptor = -1;
  std::string name;             ///< for messages
  unsigned char magic[4] = {};  ///< the first bytes, which the stream gives out as well
  std::size_t magic_size = 0;   ///< less than 4: the capture is no longer than that

  /// `path`: a file, or "-" for standard input. Error: cannot be opened or read; names the file.
  static Result<CaptureInput> open(const std::string& path);
};

}  // namespace probewall
