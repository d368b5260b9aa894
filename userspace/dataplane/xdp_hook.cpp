// SPDX-License-Identifier: Apache-2.0
#include "dataplane/xdp_hook.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>

#include "dataplane/dispatcher.hpp"
#include "dataplane/libbpf_messages.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

/// The dispatcher's own name tells it apart; libxdp is asked only then.
Result<XdpHook> look_behind_dispatcher(XdpHook hook, unsigned ifindex, const Identity& identity) {
  hook.owner = HookOwner::kForeignDispatcher;
  const auto programs = dispatcher_programs(ifindex);
  if (!programs) return tl::unexpected(programs.error());
  for (const std::uint32_t id : *programs) {
    if (!identity.owns_id(id, kXdpProgram)) continue;
    hook.owner = HookOwner::kOurs;
    hook.kind = AttachKind::kDispatcher;
    hook.program_id = id;
  }
  return hook;
}

}  // namespace

Result<XdpHook> look_at_xdp(unsigned ifindex, const Identity& identity) {
  const LibbpfMessages messages;
  bpf_xdp_query_opts query{};
  query.sz = sizeof query;
  if (const int e = bpf_xdp_query(static_cast<int>(ifindex), 0, &query); e != 0) {
    return fail(-e, "ask for the XDP program of interface " + std::to_string(ifindex));
  }
  XdpHook hook;
  if (query.attach_mode == XDP_ATTACHED_NONE) return hook;
  hook.native = query.drv_prog_id != 0;
  hook.program_id = hook.native              ? query.drv_prog_id
                    : query.skb_prog_id != 0 ? query.skb_prog_id
                    : query.hw_prog_id != 0  ? query.hw_prog_id
                                             : query.prog_id;
  const auto info = program_info(hook.program_id);
  if (!info) return tl::unexpected(info.error());
  if (info->name == kDispatcherProgram) return look_behind_dispatcher(hook, ifindex, identity);
  hook.owner = HookOwner::kForeign;
  if (identity.owns(*info, kXdpProgram)) {
    hook.owner = HookOwner::kOurs;
    hook.link_pin = identity.link_pin(ifindex, hook.program_id);
    hook.kind = hook.link_pin.empty() ? AttachKind::kNetlink : AttachKind::kLink;
  }
  return hook;
}

tl::unexpected<Error> foreign_program(const std::string& interface, std::uint32_t program_id) {
  const auto info = program_info(program_id);
  return fail(ExitStatus::kFailed,
              "interface " + interface + " has the XDP program " +
                  (info ? describe(*info) : "id " + std::to_string(program_id)) +
                  "; it is left alone. Detach it, or load it through libxdp so that both can run");
}

Result<bool> detach_xdp(unsigned ifindex, const Identity& identity) {
  const auto hook = look_at_xdp(ifindex, identity);
  if (!hook) return tl::unexpected(hook.error());
  if (hook->owner != HookOwner::kOurs) return false;
  if (hook->kind == AttachKind::kDispatcher) {
    auto detached = dispatcher_detach(hook->program_id, ifindex, hook->native);
    if (!detached) return tl::unexpected(detached.error());
    return true;
  }
  if (hook->kind == AttachKind::kLink) {
    const UniqueFd link{bpf_obj_get(hook->link_pin.c_str())};
    // Detach by hand: another process may still hold the link after the pin is gone.
    if (!link || bpf_link_detach(link.get()) != 0) return fail(errno, "detach " + hook->link_pin);
    unlink(hook->link_pin.c_str());
    return true;
  }
  const LibbpfMessages messages;
  const UniqueFd old{bpf_prog_get_fd_by_id(hook->program_id)};
  bpf_xdp_attach_opts options{};
  options.sz = sizeof options;
  options.old_prog_fd = old.get();  // only ours, even if someone replaces it right now
  const __u32 flags = hook->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  if (const int e = bpf_xdp_detach(static_cast<int>(ifindex), flags, &options); e != 0) {
    return fail(-e, "detach XDP by netlink");
  }
  return true;
}

std::string pin_name(const std::string& interface) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char c : interface) {
    if (std::isalnum(c) || c == '_' || c == '-') {
      out += static_cast<char>(c);
    } else {
      out += {'~', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return out;
}

}  // namespace probewall
