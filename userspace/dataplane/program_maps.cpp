// SPDX-License-Identifier: Apache-2.0
#include "dataplane/program_maps.hpp"

#include <bpf/bpf.h>

#include <algorithm>

#include "dataplane/identity.hpp"

namespace probewall {
namespace {

UniqueFd map_called(std::string_view name, std::span<const std::uint32_t> ids) {
  for (const auto id : ids) {
    UniqueFd fd{bpf_map_get_fd_by_id(id)};
    bpf_map_info info{};
    __u32 length = sizeof info;
    if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 && name == info.name) return fd;
  }
  return {};
}

}  // namespace

UniqueFd map_of_programs(std::string_view name, std::span<const std::uint32_t> ours) {
  UniqueFd found;
  for (std::uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    const auto program = program_info(id);
    if (!program || program->name != kXdpProgram) continue;
    const auto& maps = program->map_ids;
    if (std::find_first_of(maps.begin(), maps.end(), ours.begin(), ours.end()) == maps.end())
      continue;
    if (auto map = map_called(name, maps)) found = std::move(map);
  }
  return found;
}

}  // namespace probewall
