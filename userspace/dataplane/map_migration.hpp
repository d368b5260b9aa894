// SPDX-License-Identifier: Apache-2.0
// Pinned maps that are not as this version, or this configuration, wants them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "probewall/result.hpp"

struct bpf_object;

namespace probewall {

/// What became of the pins at a start.
struct MigratedPins {
  std::vector<std::string> rebuilt;   ///< tables that start empty, each with the reason
  std::vector<std::string> regained;  ///< tables whose pin was gone, taken from the programs
  bool blocks = false;       ///< the block tables: what the former ones held is to be carried over
  bool blocks_lost = false;  ///< one of them was gone, and no program has it
  bool allows = false;       ///< the never-block tables
  bool settings = false, ports = false;
};

/// Makes the pins fit `objects`, which are open and not loaded. A table of another size is copied
/// into a new map that takes its pin. One of another key, value or type is set aside together with
/// those it works with (all block tables, all never-block tables), so that loading makes new ones
/// and programs attached earlier go on with a whole set. Maps that fill themselves again (flows,
/// counters) begin anew. What is set aside stays pinned under another name until
/// keep_migrated_maps.
Result<MigratedPins> migrate_pins(std::span<bpf_object* const> objects,
                                  const std::string& versioned_directory);

/// The pin under which a former map is kept.
std::string former_pin(const std::string& versioned_directory, const std::string& name);

/// Lets the former maps go, as all programs use the new ones / gives them their pins back, as
/// programs still use them.
void keep_migrated_maps(const std::string& versioned_directory);
void undo_migrated_maps(const std::string& versioned_directory);

}  // namespace probewall
