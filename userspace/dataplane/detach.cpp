// SPDX-License-Identifier: Apache-2.0
// What works from the pins alone: look at, and take away, what an instance left in the kernel.
#include "dataplane/detach.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "dataplane/dataplane.hpp"
#include "dataplane/hook_check.hpp"
#include "dataplane/interface_info.hpp"
#include "dataplane/interface_slots.hpp"
#include "dataplane/kernel_clock.hpp"
#include "dataplane/pin_list.hpp"
#include "dataplane/preflight.hpp"
#include "dataplane/tc_hook.hpp"
#include "dataplane/xdp_hook.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;

/// Links of interfaces in other network namespaces, or of devices that are gone.
void detach_leftover_links(const Identity& identity) {
  for (const auto& path : identity.link_pins()) {
    const UniqueFd link{bpf_obj_get(path.c_str())};
    if (link) bpf_link_detach(link.get());
    unlink(path.c_str());
  }
}

Result<void> remove_pins(const std::string& pin_directory) {
  const std::string versioned_directory = versioned(pin_directory);
  const auto pins = list_pins(versioned_directory);
  if (!pins) return tl::unexpected(pins.error());
  for (const auto& path : pins->own) {
    if (unlink(path.c_str()) != 0) return fail(errno, "remove " + path);
  }
  if (!pins->foreign.empty()) return {};
  if (rmdir(versioned_directory.c_str()) != 0 && errno != ENOENT) {
    return fail(errno, "remove " + versioned_directory);
  }
  rmdir(pin_directory.c_str());  // stays when another version's pins are in it
  return {};
}

}  // namespace

Result<bool> detach_interface(const Interface& interface, const Identity& identity,
                              InterfaceSlots& slots) {
  auto xdp = detach_xdp(interface.index, identity);
  if (!xdp) return xdp;
  bool any = *xdp;
  for (const TcSide side : {TcSide::kIngress, TcSide::kEgress}) {
    auto tc = tc_detach(interface.index, side, identity);
    if (!tc) return tc;
    any |= *tc;
  }
  if (!any) return false;
  const auto state = slots.of(interface.name);
  if (state && state->owns_clsact) {
    if (auto removed = remove_clsact_if_empty(interface.index); !removed) {
      return tl::unexpected(removed.error());
    }
    if (auto stored = slots.set_owns_clsact(interface.name, false); !stored) {
      return tl::unexpected(stored.error());
    }
  }
  return true;
}

Result<std::vector<PinnedAttachment>> pinned_attachments(const std::string& pin_directory) {
  const auto identity = Identity::of(versioned(pin_directory));
  if (!identity) return tl::unexpected(identity.error());
  std::vector<PinnedAttachment> out;
  for (const auto& interface : all_interfaces()) {
    const HookState hooks = look_at_hooks(interface.index, *identity);
    const bool tc = hooks.tc_ingress && hooks.tc_egress;
    if (hooks.xdp || tc) out.push_back({interface.name, hooks.xdp, hooks.native, tc});
  }
  return out;
}

Result<unsigned> detach_everything(const std::string& pin_directory) {
  const std::string versioned_directory = versioned(pin_directory);
  std::error_code ec;
  if (!fs::exists(versioned_directory, ec) && !ec) return 0u;
  const auto identity = Identity::of(versioned_directory);
  if (!identity) return tl::unexpected(identity.error());
  auto slots = InterfaceSlots::open(versioned_directory);
  if (!slots) return tl::unexpected(slots.error());
  unsigned detached = 0;
  std::optional<Error> first_error;
  for (const auto& interface : all_interfaces()) {
    const auto one = detach_interface(interface, *identity, *slots);
    if (one) {
      detached += *one ? 1 : 0;
    } else if (!first_error) {
      first_error = one.error();
      first_error->message = interface.name + ": " + first_error->message;
    }
  }
  // The pins are what tells our programs from others: keep them while one may still be attached.
  if (first_error) return tl::unexpected(*first_error);
  detach_leftover_links(*identity);
  if (auto removed = remove_pins(pin_directory); !removed) return tl::unexpected(removed.error());
  return detached;
}

Result<bool> pinned_enforcing(const std::string& pin_directory) {
  const std::string path = versioned(pin_directory) + "/pw_settings";
  const UniqueFd fd{bpf_obj_get(path.c_str())};
  if (!fd && (errno == EACCES || errno == EPERM)) {
    return fail(ExitStatus::kPermission, path + " can be read by root only: use sudo");
  }
  if (!fd) return fail(errno, "no pinned state (" + path + ")");
  const std::uint32_t zero = 0;
  pw_settings settings{};
  if (bpf_map_lookup_elem(fd.get(), &zero, &settings) != 0) return fail(errno, "read " + path);
  const bool over = settings.enforce_until_s != 0 && boottime_seconds() >= settings.enforce_until_s;
  return settings.enforcing != 0 && !over;
}

Result<std::optional<pw_allow_entry>> pinned_allow(const std::string& pin_directory,
                                                   const IpAddress& address) {
  const bool v4 = address.is_v4();
  const std::string path = versioned(pin_directory) + (v4 ? "/pw_allow_lpm4" : "/pw_allow_lpm6");
  const UniqueFd fd{bpf_obj_get(path.c_str())};
  if (!fd) return fail(errno, "no pinned state (" + path + ")");
  pw_lpm_v4_key key4{};
  pw_lpm_v6_key key6{};
  key4.prefix_len = 32;
  key6.prefix_len = 128;
  std::memcpy(&key4.addr, address.bytes.data() + 12, 4);
  std::memcpy(key6.addr, address.bytes.data(), 16);
  const void* key = v4 ? static_cast<const void*>(&key4) : &key6;
  pw_allow_entry entry{};
  if (bpf_map_lookup_elem(fd.get(), key, &entry) != 0) {
    if (errno == ENOENT) return std::optional<pw_allow_entry>{};
    return fail(errno, "read " + path);
  }
  return std::optional{entry};
}

}  // namespace probewall
