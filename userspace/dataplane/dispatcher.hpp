// SPDX-License-Identifier: Apache-2.0
// libxdp's dispatcher: several XDP programs on one hook.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "probewall/result.hpp"

struct bpf_object;

namespace probewall {

inline constexpr std::string_view kDispatcherProgram = "xdp_dispatcher";

/// Can this kernel load BPF_PROG_TYPE_EXT? Where it cannot, libxdp 1.3.1 falls back without a word.
bool dispatcher_possible();
/// Ids of the programs behind the dispatcher on `ifindex`.
Result<std::vector<std::uint32_t>> dispatcher_programs(unsigned ifindex);
/// Loads the still unloaded `object` and puts its program `name` behind a dispatcher, beside those
/// that are there. (libxdp refuses programs that are loaded already.)
Result<void> dispatcher_attach(bpf_object* object, const char* name, unsigned ifindex, bool native);
Result<void> dispatcher_detach(std::uint32_t program_id, unsigned ifindex, bool native);

}  // namespace probewall
