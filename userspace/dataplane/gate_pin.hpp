// SPDX-License-Identifier: Apache-2.0
// The gate (abi/block_table.h) is the programs' .bss, which libbpf does not pin by itself.
#pragma once

#include <bpf/libbpf.h>

#include <string>

#include "probewall/abi/block_table.h"

namespace probewall {

constexpr const char* kGatePin = "pw_block_gate";

/// Call between opening and loading an object: it then shares the gate pinned in
/// `versioned_directory`, or makes and pins it. Objects that do not look at sources have none.
inline void pin_gate(bpf_object* object, const std::string& versioned_directory) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map) && bpf_map__value_size(map) == sizeof(pw_gate)) {
      bpf_map__set_pin_path(map, (versioned_directory + "/" + kGatePin).c_str());
    }
  }
}

}  // namespace probewall
