// SPDX-License-Identifier: Apache-2.0
// Namespaces and interfaces of a benchmark's own. Everything ends with the process.
#pragma once

#include <string>

#include "probewall/result.hpp"

namespace probewall::bench {

/// Moves this process into a mount namespace with a bpffs of its own, and into a network namespace
/// of its own unless `keep_network`.
Result<void> enter_own_world(bool keep_network);

/// A new directory in that bpffs.
Result<std::string> new_pin_directory();

/// A veth pair `name` and `name`p in this network namespace, both up.
Result<void> make_veth(const std::string& name);

/// Makes the kernel keep `program` in its XDP dispatcher, as that of an idle interface: attaches it
/// in generic mode.
Result<void> attach_idle(int program, const std::string& interface);

}  // namespace probewall::bench
