// SPDX-License-Identifier: Apache-2.0
// Lists of prefixes on disk, one a line: the operator's allow list, and what the kernel's allow
// table may hold. Written by the guard only, in a directory that the worker's user cannot write.
#pragma once

#include <string>
#include <vector>

#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

struct AllowFileEntry {
  IpPrefix prefix;
  std::string reason;  ///< the operator's words, printable, may be empty
};

inline constexpr std::size_t kMaxAllowFileEntries = 16384;

/// A missing file is an empty list. A line that is no prefix is an Error with its number: guessing
/// would leave somebody out of the list.
Result<std::vector<AllowFileEntry>> read_allow_file(const std::string& path);
/// Replaces the file as one: after a crash it holds the old list or the new one.
Result<void> write_allow_file(const std::string& path, const std::vector<AllowFileEntry>& entries);

}  // namespace probewall
