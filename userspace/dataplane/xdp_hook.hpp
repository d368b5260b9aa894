// SPDX-License-Identifier: Apache-2.0
// The XDP hook of one interface: who is on it, how we get on it, how we replace ourselves.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "dataplane/dataplane.hpp"
#include "dataplane/identity.hpp"
#include "dataplane/object_set.hpp"

namespace probewall {

enum class HookOwner : std::uint8_t { kNobody, kOurs, kForeign, kForeignDispatcher };

struct XdpHook {
  HookOwner owner = HookOwner::kNobody;
  AttachKind kind = AttachKind::kLink;  ///< with kOurs
  bool native = false;
  std::uint32_t program_id = 0;  ///< ours with kOurs, else what is on the hook
  std::string link_pin;          ///< with kOurs and kLink
};

Result<XdpHook> look_at_xdp(unsigned ifindex, const Identity& identity);
/// The Error for a hook with somebody else's program: whose it is, and that it is left alone.
tl::unexpected<Error> foreign_program(const std::string& interface, std::uint32_t program_id);

struct XdpAttached {
  AttachKind kind = AttachKind::kLink;
  bool native = false;
  bool replaced = false;
  std::string why;
};

/// Opens and prepares a fresh, unloaded object set; libxdp uses one up with each try.
using OpenObjects = std::function<Result<ObjectSet>()>;

/// Puts our program on the hook, or a new one in the place of our old one, in kind. `mode` is the
/// configured one; a running attachment keeps its own.
Result<XdpAttached> attach_xdp(const std::string& interface, unsigned ifindex, XdpMode mode,
                               const std::string& versioned_directory, const Identity& identity,
                               const OpenObjects& open_objects);
/// Takes our program off; a hook that is not ours is left alone. Returns whether it was ours.
Result<bool> detach_xdp(unsigned ifindex, const Identity& identity);

/// `interface` as a file name on bpffs, which knows no dots: other characters become ~hh.
std::string pin_name(const std::string& interface);

}  // namespace probewall
