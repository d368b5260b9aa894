// SPDX-License-Identifier: Apache-2.0
// What a map is made of, as an object wants it and as the kernel has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

struct bpf_map;

namespace probewall {

struct MapShape {
  std::uint32_t type = 0, key_size = 0, value_size = 0, max_entries = 0, flags = 0;

  bool same_entries(const MapShape& other) const {
    return type == other.type && key_size == other.key_size && value_size == other.value_size;
  }
  bool operator==(const MapShape&) const = default;
};

/// Of a map of an object that is not loaded.
MapShape wanted_shape(const bpf_map* map);

struct PinnedMap {
  UniqueFd fd;
  MapShape shape;
  std::uint32_t id = 0;
};
/// Nothing: there is no such pin.
Result<std::optional<PinnedMap>> open_pinned_map(const std::string& path);

/// "array of 8-byte values by 4-byte keys"; for messages.
std::string describe(const MapShape& shape);

}  // namespace probewall
