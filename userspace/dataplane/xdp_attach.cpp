// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dataplane/dispatcher.hpp"
#include "dataplane/interface_info.hpp"
#include "dataplane/libbpf_messages.hpp"
#include "dataplane/unique_fd.hpp"
#include "dataplane/xdp_hook.hpp"

namespace probewall {
namespace {

struct Target {
  const std::string& interface;
  unsigned ifindex;
  std::string link_pin;
  const Identity& identity;
  const OpenObjects& open_objects;
};

const char* mode_name(bool native) { return native ? "native" : "generic"; }
__u32 mode_flag(bool native) { return native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE; }

Result<ObjectSet> loaded(const Target& target) {
  auto objects = target.open_objects();
  if (!objects) return objects;
  if (auto done = objects->load_xdp(); !done) return tl::unexpected(done.error());
  return objects;
}

// ---- replacing our own program ---------------------------------------------------------------

Result<void> update_link(const Target& target, const XdpHook& hook) {
  const auto objects = loaded(target);
  if (!objects) return tl::unexpected(objects.error());
  const UniqueFd link{bpf_obj_get(hook.link_pin.c_str())};
  if (!link) return fail(errno, "open " + hook.link_pin);
  if (bpf_link_update(link.get(), objects->xdp_fd(), nullptr) != 0) {
    return fail(errno, "replace the program of " + hook.link_pin);
  }
  return {};
}

Result<void> replace_by_netlink(const Target& target, const XdpHook& hook) {
  const auto objects = loaded(target);
  if (!objects) return tl::unexpected(objects.error());
  const LibbpfMessages messages;
  const UniqueFd old{bpf_prog_get_fd_by_id(hook.program_id)};
  bpf_xdp_attach_opts options{};
  options.sz = sizeof options;
  options.old_prog_fd = old.get();  // libbpf adds XDP_FLAGS_REPLACE
  const int error = bpf_xdp_attach(static_cast<int>(target.ifindex), objects->xdp_fd(),
                                   mode_flag(hook.native), &options);
  if (error == -EBUSY) {
    return fail(EBUSY,
                "our earlier program on " + target.interface +
                    " is held by a bpf_link whose pin is gone: end its holder, or run `ip link "
                    "set dev " +
                    target.interface + " down` after deleting the link");
  }
  if (error != 0) return fail(-error, "replace XDP on " + target.interface + " by netlink");
  return {};
}

/// The new program joins the dispatcher before the old one leaves, so one of them always runs.
Result<void> replace_in_dispatcher(const Target& target, const XdpHook& hook) {
  const auto objects = target.open_objects();
  if (!objects) return tl::unexpected(objects.error());
  auto attached =
      dispatcher_attach(objects->xdp_object(), kXdpProgram, target.ifindex, hook.native);
  if (!attached) return attached;
  return dispatcher_detach(hook.program_id, target.ifindex, hook.native);
}

Result<XdpAttached> replace(const Target& target, XdpMode mode, const XdpHook& hook) {
  Result<void> done;
  if (hook.kind == AttachKind::kLink) done = update_link(target, hook);
  if (hook.kind == AttachKind::kNetlink) done = replace_by_netlink(target, hook);
  if (hook.kind == AttachKind::kDispatcher) done = replace_in_dispatcher(target, hook);
  if (!done) return tl::unexpected(done.error());
  XdpAttached out{hook.kind, hook.native, true, {}};
  out.why = std::string{"kept as the earlier start attached it ("} + mode_name(hook.native) + ", " +
            to_string(hook.kind) + "), replaced in place";
  if (mode != XdpMode::kAuto && (mode == XdpMode::kNative) != hook.native) {
    out.why += std::string{"; xdp.mode = \""} + mode_name(!hook.native) +
               "\" takes effect after `probewall detach` only, as changing modes leaves a gap";
  }
  return out;
}

// ---- a free hook -----------------------------------------------------------------------------

Result<void> attach_link(const Target& target, bool native) {
  const auto objects = loaded(target);
  if (!objects) return tl::unexpected(objects.error());
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = mode_flag(native);
  const UniqueFd link{
      bpf_link_create(objects->xdp_fd(), static_cast<int>(target.ifindex), BPF_XDP, &options)};
  if (!link) return fail(errno, "attach XDP");
  unlink(target.link_pin.c_str());  // of a device that is gone: nothing is attached by it
  if (bpf_obj_pin(link.get(), target.link_pin.c_str()) != 0)
    return fail(errno, "pin " + target.link_pin);
  return {};
}

/// What the hook looks like after libxdp said yes: it may have attached without a dispatcher.
Result<AttachKind> kind_on_hook(const Target& target) {
  const auto hook = look_at_xdp(target.ifindex, target.identity);
  if (!hook) return tl::unexpected(hook.error());
  if (hook->owner != HookOwner::kOurs) {
    return fail(ExitStatus::kFailed, "libxdp reported success but our program is not on the hook");
  }
  return hook->kind;
}

Result<AttachKind> attach_dispatcher(const Target& target, bool native) {
  const auto objects = target.open_objects();
  if (!objects) return tl::unexpected(objects.error());
  auto attached = dispatcher_attach(objects->xdp_object(), kXdpProgram, target.ifindex, native);
  if (!attached) return tl::unexpected(attached.error());
  return kind_on_hook(target);
}

std::string link_instead(const std::string& reason) {
  return std::string{to_string(AttachKind::kLink)} + " instead of libxdp's dispatcher: " + reason;
}

/// One mode, every kind: dispatcher when the kernel can, else our own link.
Result<XdpAttached> attach_in_mode(const Target& target, bool native) {
  std::string reason = "this kernel refuses BPF_PROG_TYPE_EXT";
  if (dispatcher_possible()) {
    const auto kind = attach_dispatcher(target, native);
    if (kind) {
      const bool shared = *kind == AttachKind::kDispatcher;
      return XdpAttached{*kind, native, false,
                         shared ? "shared with other XDP programs by libxdp's dispatcher"
                                : "libxdp attached without its dispatcher"};
    }
    reason = kind.error().message;
  }
  if (auto linked = attach_link(target, native); !linked) return tl::unexpected(linked.error());
  return XdpAttached{AttachKind::kLink, native, false, link_instead(reason)};
}

std::string native_refusal(const Target& target, int error) {
  const std::string driver = driver_of(target.interface);
  std::string text = driver.empty() ? target.interface + " has no driver that takes native XDP"
                                    : "driver " + driver + " refuses native XDP";
  text += std::string{" ("} + std::strerror(error) + ")";
  if (error == ERANGE || error == EINVAL || error == E2BIG) {
    text += "; MTU is " + std::to_string(mtu_of(target.interface)) + ", a smaller one may help";
  }
  return text;
}

Result<XdpAttached> attach_free_hook(const Target& target, XdpMode mode) {
  const std::string driver = driver_of(target.interface);
  const bool is_veth = driver == "veth";
  const bool try_native = mode == XdpMode::kNative || (mode == XdpMode::kAuto && !is_veth);
  std::string mode_reason = mode == XdpMode::kAuto
                                ? "generic: native XDP on a veth turns its peer's TSO off"
                                : "generic: set by xdp.mode";
  if (try_native) {
    auto attached = attach_in_mode(target, true);
    if (attached) {
      attached->why = std::string{"native: "} +
                      (mode == XdpMode::kNative ? "set by xdp.mode" : "taken by driver " + driver) +
                      "; " + attached->why;
      return attached;
    }
    if (attached.error().errno_value == 0) return attached;  // not the driver's refusal
    mode_reason = native_refusal(target, attached.error().errno_value);
    if (mode == XdpMode::kNative) {
      return fail(ExitStatus::kFailed, "attach to " + target.interface + ": " + mode_reason +
                                           "; set xdp.mode = \"auto\" to use generic mode");
    }
    mode_reason = "generic: " + mode_reason;
  }
  auto attached = attach_in_mode(target, false);
  if (!attached) {
    return tl::unexpected(Error{"attach to " + target.interface + ": " + attached.error().message,
                                attached.error().errno_value, attached.error().status});
  }
  attached->why = mode_reason + "; " + attached->why;
  return attached;
}

Result<XdpAttached> join_dispatcher(const Target& target, XdpMode mode, bool native) {
  if (!dispatcher_possible()) {
    return fail(ExitStatus::kFailed, "interface " + target.interface +
                                         " has libxdp's dispatcher, but this kernel refuses "
                                         "BPF_PROG_TYPE_EXT, so nothing can join it");
  }
  const auto kind = attach_dispatcher(target, native);
  if (!kind) return tl::unexpected(kind.error());
  XdpAttached out{*kind, native, false,
                  std::string{mode_name(native)} + ": joined the dispatcher that was there"};
  if (mode != XdpMode::kAuto && (mode == XdpMode::kNative) != native) {
    out.why += ", whose mode holds instead of xdp.mode";
  }
  return out;
}

}  // namespace

Result<XdpAttached> attach_xdp(const std::string& interface, unsigned ifindex, XdpMode mode,
                               const std::string& versioned_directory, const Identity& identity,
                               const OpenObjects& open_objects) {
  const Target target{interface, ifindex,
                      versioned_directory + "/" + kLinkPinHead + pin_name(interface), identity,
                      open_objects};
  const auto hook = look_at_xdp(ifindex, identity);
  if (!hook) return tl::unexpected(hook.error());
  switch (hook->owner) {
    case HookOwner::kOurs:
      return replace(target, mode, *hook);
    case HookOwner::kForeignDispatcher:
      return join_dispatcher(target, mode, hook->native);
    case HookOwner::kForeign:
      return foreign_program(interface, hook->program_id);
    case HookOwner::kNobody:
      break;
  }
  return attach_free_hook(target, mode);
}

}  // namespace probewall
