// SPDX-License-Identifier: Apache-2.0
#include "dataplane/hook_check.hpp"

#include "dataplane/interface_info.hpp"
#include "dataplane/preflight.hpp"
#include "dataplane/tc_hook.hpp"
#include "dataplane/xdp_hook.hpp"

namespace probewall {

HookState look_at_hooks(unsigned ifindex, const Identity& identity) {
  HookState state;
  state.present = true;
  // An interface that goes away between two questions has no hooks.
  const auto xdp = look_at_xdp(ifindex, identity);
  state.xdp = xdp && xdp->owner == HookOwner::kOurs;
  state.native = state.xdp && xdp->native;
  const auto ours = [&](TcSide side) {
    const auto there = tc_is_ours(ifindex, side, identity);
    return there && *there;
  };
  state.tc_ingress = ours(TcSide::kIngress);
  state.tc_egress = ours(TcSide::kEgress);
  return state;
}

std::string HookState::problem() const {
  if (!present) return "the interface is gone";
  std::string out;
  for (const auto& [there, name] :
       {std::pair{xdp, "XDP program"}, std::pair{tc_ingress, "tc ingress"},
        std::pair{tc_egress, "tc egress"}}) {
    if (there) continue;
    out += out.empty() ? "missing " : ", ";
    out += name;
  }
  return out;
}

Result<std::vector<HookState>> look_at_hooks(const std::vector<std::string>& interfaces,
                                             const std::string& pin_directory) {
  const auto identity = Identity::of(versioned(pin_directory));
  if (!identity) return tl::unexpected(identity.error());
  std::vector<HookState> states;
  states.reserve(interfaces.size());
  for (const auto& interface : interfaces) {
    const auto index = interface_index(interface);
    states.push_back(index ? look_at_hooks(*index, *identity) : HookState{});
  }
  return states;
}

Result<void> check_hooks(const std::vector<std::string>& interfaces,
                         const std::string& pin_directory) {
  const auto identity = Identity::of(versioned(pin_directory));
  if (!identity) return tl::unexpected(identity.error());
  for (const auto& interface : interfaces) {
    const auto index = interface_index(interface);
    if (!index) return tl::unexpected(index.error());
    const auto hook = look_at_xdp(*index, *identity);
    if (!hook) return tl::unexpected(hook.error());
    if (hook->owner == HookOwner::kForeign) return foreign_program(interface, hook->program_id);
  }
  return {};
}

}  // namespace probewall
