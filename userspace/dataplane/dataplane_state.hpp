// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "dataplane/allow_table.hpp"
#include "dataplane/dataplane.hpp"
#include "dataplane/identity.hpp"
#include "dataplane/interface_info.hpp"
#include "dataplane/interface_slots.hpp"
#include "dataplane/map_migration.hpp"
#include "dataplane/object_set.hpp"
#include "dataplane/preflight.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {

using Undo = std::vector<std::function<void()>>;  // steps back, run last first

struct Dataplane::State {
  Config config;
  PinDirectory pins;
  std::optional<InterfaceSlots> slots;
  std::optional<BlockTable> blocks;
  std::optional<AllowTable> allow;
  UniqueFd settings, ports, flows, rings_map, skip, counters, need_wake, perf;
  std::vector<UniqueFd> rings;
  WorkerDescriptors worker;
  MigratedPins migrated;
  Rebuilt rebuilt;

  Result<void> keep_maps(const ObjectSet& objects);
  Result<void> make_rings();
  Result<void> write_ports(const std::vector<pw_port>& wanted);
  /// As the pinned table has it, whoever wrote that.
  Result<void> find_port_range();
  /// Fills new block tables from those set aside.
  Result<void> carry_blocks();
  Result<void> adopt_earlier_blocks();
  Result<void> attach_tc(const Interface& interface, const ObjectSet& objects,
                         const Identity& identity, bool& replaced, Undo& undo);
};

}  // namespace probewall
