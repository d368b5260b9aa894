// SPDX-License-Identifier: Apache-2.0
#include "dataplane/identity.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "dataplane/pin_list.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

/// Names of other programs are not ours to trust: keep a terminal safe.
std::string printable(const char* name) {
  std::string out;
  for (; *name != '\0'; ++name) out += *name > ' ' && *name < 0x7f ? *name : '?';
  return out;
}

}  // namespace

Result<ProgramInfo> program_info(std::uint32_t id) {
  const UniqueFd fd{bpf_prog_get_fd_by_id(id)};
  if (!fd) return fail(errno, "open BPF program " + std::to_string(id));
  std::vector<std::uint32_t> map_ids(64);  // the verifier's bound on maps per program
  bpf_prog_info info{};
  info.nr_map_ids = static_cast<__u32>(map_ids.size());
  info.map_ids = reinterpret_cast<std::uint64_t>(map_ids.data());
  __u32 length = sizeof info;
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) {
    return fail(errno, "look at BPF program " + std::to_string(id));
  }
  map_ids.resize(std::min<std::size_t>(info.nr_map_ids, map_ids.size()));
  ProgramInfo out{id, printable(info.name), {}, std::move(map_ids)};
  constexpr char kHex[] = "0123456789abcdef";
  for (const auto byte : info.tag) {
    out.tag += kHex[byte >> 4];
    out.tag += kHex[byte & 15];
  }
  return out;
}

std::string describe(const ProgramInfo& program) {
  const auto id = std::to_string(program.id);
  return "`" + program.name + "` (id " + id + ", tag " + program.tag +
         "); look at it with `bpftool prog show id " + id + "`";
}

Result<Identity> Identity::of(const std::string& versioned_directory) {
  Identity out;
  const auto pins = list_pins(versioned_directory);
  if (!pins) return tl::unexpected(pins.error());
  for (const auto& path : pins->own) {
    if (std::filesystem::path{path}.filename().native().starts_with(kLinkPinHead)) {
      out.link_pins_.push_back(path);
      continue;
    }
    const UniqueFd fd{bpf_obj_get(path.c_str())};
    bpf_map_info info{};
    __u32 length = sizeof info;
    if (!fd) return fail(errno, "open " + path);
    if (bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0) out.map_ids_.insert(info.id);
  }
  return out;
}

bool Identity::owns(const ProgramInfo& program, std::string_view name) const {
  return program.name == name &&
         std::any_of(program.map_ids.begin(), program.map_ids.end(),
                     [&](std::uint32_t id) { return map_ids_.contains(id); });
}

bool Identity::owns_id(std::uint32_t program_id, std::string_view name) const {
  const auto info = program_id != 0 ? program_info(program_id) : Result<ProgramInfo>{};
  return info && owns(*info, name);
}

std::string Identity::link_pin(unsigned ifindex, std::uint32_t program_id) const {
  for (const auto& path : link_pins_) {
    const UniqueFd fd{bpf_obj_get(path.c_str())};
    bpf_link_info info{};
    __u32 length = sizeof info;
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) continue;
    // ifindex alone is not enough: another network namespace may use the same number.
    if (info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == ifindex &&
        info.prog_id == program_id) {
      return path;
    }
  }
  return {};
}

}  // namespace probewall
