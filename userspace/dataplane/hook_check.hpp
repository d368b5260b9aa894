// SPDX-License-Identifier: Apache-2.0
// Looks at the hooks of interfaces without touching them: before a start changes anything, and
// while running, as anybody with root can take a program or a qdisc away.
#pragma once

#include <string>
#include <vector>

#include "probewall/result.hpp"

namespace probewall {

struct HookState {
  bool present = false;  ///< the interface is there
  bool xdp = false;      ///< our program, or the dispatcher it runs under, is on the hook
  bool native = false;   ///< of `xdp`
  bool tc_ingress = false, tc_egress = false;

  bool whole() const { return present && xdp && tc_ingress && tc_egress; }
  /// For people: "the interface is gone", "missing XDP program, tc egress".
  std::string problem() const;
};

class Identity;
/// One interface that is there.
HookState look_at_hooks(unsigned ifindex, const Identity& identity);
/// One state per interface, in their order. Costs some netlink round trips each.
Result<std::vector<HookState>> look_at_hooks(const std::vector<std::string>& interfaces,
                                             const std::string& pin_directory);

/// Every interface is there and its XDP hook is free, ours or a dispatcher's; else an Error that
/// names interface and program. Changes nothing.
Result<void> check_hooks(const std::vector<std::string>& interfaces,
                         const std::string& pin_directory);

}  // namespace probewall
