// SPDX-License-Identifier: Apache-2.0
#include "dataplane/dispatcher.hpp"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <memory>
#include <string>

#include "dataplane/libbpf_messages.hpp"

namespace probewall {
namespace {

struct CloseProgram {
  void operator()(xdp_program* p) const { xdp_program__close(p); }
};
struct CloseMultiprog {
  void operator()(xdp_multiprog* m) const { xdp_multiprog__close(m); }
};
using Program = std::unique_ptr<xdp_program, CloseProgram>;
using Multiprog = std::unique_ptr<xdp_multiprog, CloseMultiprog>;

xdp_attach_mode mode_of(bool native) { return native ? XDP_MODE_NATIVE : XDP_MODE_SKB; }

tl::unexpected<Error> failed(int error, const std::string& what, const LibbpfMessages& messages) {
  const auto cause = messages.cause();
  return fail(error, cause.empty() ? what : what + " (" + cause + ")");
}

}  // namespace

bool dispatcher_possible() {
  const LibbpfMessages messages;
  static const bool possible = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr) == 1;
  return possible;
}

Result<std::vector<std::uint32_t>> dispatcher_programs(unsigned ifindex) {
  const LibbpfMessages messages;
  xdp_multiprog* raw = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
  if (const long error = libxdp_get_error(raw); error != 0) {
    return failed(static_cast<int>(-error), "read libxdp's dispatcher", messages);
  }
  const Multiprog multiprog{raw};
  if (xdp_multiprog__is_legacy(raw)) return fail(ENOENT, "no libxdp dispatcher is attached");
  std::vector<std::uint32_t> ids;
  for (xdp_program* p = xdp_multiprog__next_prog(nullptr, raw); p != nullptr;
       p = xdp_multiprog__next_prog(p, raw)) {
    ids.push_back(xdp_program__id(p));
  }
  return ids;
}

Result<void> dispatcher_attach(bpf_object* object, const char* name, unsigned ifindex,
                               bool native) {
  const LibbpfMessages messages;
  xdp_program_opts options{};
  options.sz = sizeof options;
  options.obj = object;
  options.prog_name = name;
  xdp_program* raw = xdp_program__create(&options);
  if (const long error = libxdp_get_error(raw); error != 0) {
    return failed(static_cast<int>(-error), "hand the XDP program to libxdp", messages);
  }
  const Program program{raw};
  // libxdp 1.3.1 does not read this from the section's name.
  if (const int error = xdp_program__set_xdp_frags_support(raw, true); error != 0) {
    return failed(-error, "ask libxdp for multi-buffer support", messages);
  }
  if (const int error = xdp_program__attach(raw, static_cast<int>(ifindex), mode_of(native), 0);
      error != 0) {
    return failed(-error, "attach by libxdp", messages);
  }
  return {};
}

Result<void> dispatcher_detach(std::uint32_t program_id, unsigned ifindex, bool native) {
  const LibbpfMessages messages;
  xdp_program* raw = xdp_program__from_id(program_id);
  if (const long error = libxdp_get_error(raw); error != 0) {
    return failed(static_cast<int>(-error), "open the program behind the dispatcher", messages);
  }
  const Program program{raw};
  if (const int error = xdp_program__detach(raw, static_cast<int>(ifindex), mode_of(native), 0);
      error != 0) {
    return failed(-error, "detach from libxdp's dispatcher", messages);
  }
  return {};
}

}  // namespace probewall
