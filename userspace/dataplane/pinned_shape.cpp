// SPDX-License-Identifier: Apache-2.0
#include "dataplane/pinned_shape.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

namespace probewall {

MapShape wanted_shape(const bpf_map* map) {
  MapShape s{bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
             bpf_map__max_entries(map), bpf_map__map_flags(map)};
  // libbpf gives a perf event array one entry per CPU when its size is left open.
  if (s.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && s.max_entries == 0) {
    s.max_entries = static_cast<std::uint32_t>(libbpf_num_possible_cpus());
  }
  return s;
}

Result<std::optional<PinnedMap>> open_pinned_map(const std::string& path) {
  PinnedMap out{UniqueFd{bpf_obj_get(path.c_str())}, {}, 0};
  if (!out.fd) {
    if (errno == ENOENT) return std::optional<PinnedMap>{};
    return fail(errno, "open " + path);
  }
  bpf_map_info info{};
  __u32 length = sizeof info;
  if (bpf_obj_get_info_by_fd(out.fd.get(), &info, &length) != 0)
    return fail(errno, "look at " + path);
  out.shape = {info.type, info.key_size, info.value_size, info.max_entries, info.map_flags};
  out.id = info.id;
  return std::optional{std::move(out)};
}

std::string describe(const MapShape& shape) {
  const char* type = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(shape.type));
  return std::string{type != nullptr ? type : "unknown type"} + " of " +
         std::to_string(shape.value_size) + "-byte values by " + std::to_string(shape.key_size) +
         "-byte keys";
}

}  // namespace probewall
