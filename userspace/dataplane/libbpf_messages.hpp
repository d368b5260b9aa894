// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace probewall {

/// Keeps what libbpf and libxdp would print, on this thread, while it lives: half of it is about
/// things we try on purpose, the rest belongs into our one error line.
class LibbpfMessages {
 public:
  LibbpfMessages();
  ~LibbpfMessages();
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;

  /// The last line that names a cause (the kernel's own message when there is one), or "".
  std::string cause() const;
};

}  // namespace probewall
