// SPDX-License-Identifier: Apache-2.0
#include "dataplane/tc_hook.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "dataplane/libbpf_messages.hpp"
#include "dataplane/netlink.hpp"

namespace probewall {
namespace {

// Ours wherever we attach. A low priority number runs early, so that others see the mark.
constexpr __u32 kHandle = 0x7077;
constexpr __u32 kPriority = 77;

bpf_tc_hook hook_of(unsigned ifindex, bpf_tc_attach_point point) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = point;
  return hook;
}
bpf_tc_attach_point point_of(TcSide side) {
  return side == TcSide::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}
constexpr auto kBothSides = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);

const char* program_of(TcSide side) {
  return side == TcSide::kIngress ? kTcInProgram : kTcOutProgram;
}
std::string side_name(TcSide side) { return side == TcSide::kIngress ? "tc ingress" : "tc egress"; }

bpf_tc_opts filter_options() {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kHandle;
  options.priority = kPriority;
  return options;
}

/// The program on our handle and priority; 0: none.
Result<std::uint32_t> program_on(unsigned ifindex, TcSide side) {
  const LibbpfMessages messages;
  const auto hook = hook_of(ifindex, point_of(side));
  auto options = filter_options();
  const int error = bpf_tc_query(&hook, &options);
  if (error == 0) return options.prog_id;
  // ENOENT: no such filter. EINVAL: no clsact, so no chain to look in.
  if (error == -ENOENT || error == -EINVAL) return 0u;
  return fail(-error, "ask for the " + side_name(side) + " filter");
}

Result<bool> has_filters(unsigned ifindex, std::uint32_t parent) {
  auto netlink = NetlinkSocket::open(NETLINK_ROUTE, "list tc filters");
  if (!netlink) return tl::unexpected(netlink.error());
  tcmsg request{};
  request.tcm_ifindex = static_cast<int>(ifindex);
  request.tcm_parent = parent;
  bool any = false;
  const auto dumped =
      netlink->dump(RTM_GETTFILTER, std::as_bytes(std::span{&request, 1}),
                    [&](const nlmsghdr& h) { any |= h.nlmsg_type == RTM_NEWTFILTER; });
  if (!dumped) return tl::unexpected(dumped.error());
  return any;
}

}  // namespace

Result<bool> ensure_clsact(unsigned ifindex) {
  const LibbpfMessages messages;
  auto hook = hook_of(ifindex, kBothSides);
  const int error = bpf_tc_hook_create(&hook);
  if (error == 0) return true;
  if (error == -EEXIST) return false;
  return fail(-error, "create the clsact qdisc (" + messages.cause() + ")");
}

Result<void> remove_clsact_if_empty(unsigned ifindex) {
  for (const std::uint32_t side : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
    const auto any = has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, side));
    if (!any) return tl::unexpected(any.error());
    if (*any) return {};
  }
  const LibbpfMessages messages;
  auto hook = hook_of(ifindex, kBothSides);
  const int error = bpf_tc_hook_destroy(&hook);
  if (error != 0 && error != -ENOENT && error != -EINVAL)
    return fail(-error, "remove the clsact qdisc");
  return {};
}

Result<bool> tc_is_ours(unsigned ifindex, TcSide side, const Identity& identity) {
  const auto program = program_on(ifindex, side);
  if (!program) return tl::unexpected(program.error());
  return *program != 0 && identity.owns_id(*program, program_of(side));
}

Result<TcAttached> tc_attach(unsigned ifindex, TcSide side, int program_fd,
                             const Identity& identity) {
  const auto present = program_on(ifindex, side);
  if (!present) return tl::unexpected(present.error());
  TcAttached out;
  if (*present != 0) {
    const auto info = program_info(*present);
    if (!info) return tl::unexpected(info.error());
    if (!identity.owns(*info, program_of(side))) {
      return fail(ExitStatus::kFailed, side_name(side) + " has another filter at priority " +
                                           std::to_string(kPriority) + ": " + describe(*info));
    }
    out.old_program = UniqueFd{bpf_prog_get_fd_by_id(*present)};
    out.replaced = true;
  }
  const LibbpfMessages messages;
  const auto hook = hook_of(ifindex, point_of(side));
  auto options = filter_options();
  options.prog_fd = program_fd;
  options.flags = BPF_TC_F_REPLACE;
  if (const int error = bpf_tc_attach(&hook, &options); error != 0) {
    return fail(-error, "attach to " + side_name(side) + " (" + messages.cause() + ")");
  }
  return out;
}

Result<bool> tc_detach(unsigned ifindex, TcSide side, const Identity& identity) {
  auto ours = tc_is_ours(ifindex, side, identity);
  if (!ours || !*ours) return ours;
  const LibbpfMessages messages;
  const auto hook = hook_of(ifindex, point_of(side));
  const auto options = filter_options();
  if (const int error = bpf_tc_detach(&hook, &options); error != 0 && error != -ENOENT) {
    return fail(-error, "detach from " + side_name(side));
  }
  return true;
}

}  // namespace probewall
