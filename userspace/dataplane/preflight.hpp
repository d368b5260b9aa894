// SPDX-License-Identifier: Apache-2.0
// What has to be there before a program is loaded; each error says how to mend it.
#pragma once

#include <span>
#include <string>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

struct Capability {
  const char* name;
  unsigned number;
};
/// Which of `needed` this process has not in effect: "CAP_A, CAP_B and CAP_C"; empty: none.
Result<std::string> missing_capabilities(std::span<const Capability> needed);

Result<void> check_capabilities();  ///< ExitStatus::kPermission when one is missing
Result<void> check_btf();

/// "<pin_directory>/v<PW_ABI_VERSION>".
std::string versioned(const std::string& pin_directory);

/// The pin directory, locked for one guard: the lock dies with the process, not with the pins.
struct PinDirectory {
  std::string path;  ///< versioned()
  bool created = false;
  UniqueFd lock;
};
/// The lock that a running guard holds; nothing when there are no pins. errno EWOULDBLOCK: one
/// runs.
Result<UniqueFd> lock_pins(const std::string& pin_directory);
/// Creates `<pin_directory>/v1` (0700) on a mounted bpffs; mounts nothing itself.
Result<PinDirectory> open_pin_directory(const std::string& pin_directory);

}  // namespace probewall
