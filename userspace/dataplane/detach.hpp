// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dataplane/identity.hpp"
#include "dataplane/interface_info.hpp"
#include "dataplane/interface_slots.hpp"

namespace probewall {

/// Takes our XDP program and tc filters off one interface, and the clsact qdisc if we made it and
/// nobody else uses it. Returns whether anything of ours was there.
Result<bool> detach_interface(const Interface& interface, const Identity& identity,
                              InterfaceSlots& slots);

}  // namespace probewall
