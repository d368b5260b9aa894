// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace probewall::test {

/// Puts this process into network and mount namespaces of its own, with a bpffs in the latter:
/// whatever a test leaves behind, even by crashing, ends with the process.
void enter_own_world();

/// A fresh directory in that bpffs.
std::string new_pin_directory();

}  // namespace probewall::test
