// SPDX-License-Identifier: Apache-2.0
// User-space twin of bpf/block.bpf.h: the one writer's view of the block tables. Plain hash and
// LPM maps behind it; a faster layout replaces only this file and its kernel twin.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

struct BlockRecord {
  IpPrefix prefix;
  pw_block_entry entry{};
};

/// Reads and writes the pinned block tables. Movable, owns its descriptors. One writer at a time.
class BlockTable {
 public:
  /// Opens the tables pinned under `<pin_directory>/v<PW_ABI_VERSION>/`.
  static Result<BlockTable> open(const std::string& pin_directory, bool read_only);
  BlockTable(BlockTable&&) noexcept;
  BlockTable& operator=(BlockTable&&) noexcept;
  ~BlockTable();

  /// Adds or overwrites. Costs microseconds whatever the table's size. Full table: Error with
  /// ENOSPC.
  Result<void> put(const IpPrefix& prefix, const pw_block_entry& entry);
  /// Removing what is absent succeeds and returns false.
  Result<bool> remove(const IpPrefix& prefix);
  /// The exact entry of `prefix`, expired or not.
  Result<std::optional<pw_block_entry>> get(const IpPrefix& prefix) const;
  /// The entry the kernel would apply to `address` at `now_s` (CLOCK_BOOTTIME), and its prefix.
  Result<std::optional<BlockRecord>> match(const IpAddress& address, std::uint32_t now_s) const;
  /// Calls `visit` for every entry, expired ones too; false from `visit` stops.
  Result<void> for_each(const std::function<bool(const BlockRecord&)>& visit) const;
  /// Removes entries with expires_s <= now_s; `removed` gets each.
  Result<std::uint64_t> sweep(std::uint32_t now_s,
                              const std::function<void(const BlockRecord&)>& removed);
  Result<std::uint64_t> flush();

 private:
  struct State;
  explicit BlockTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// CLOCK_BOOTTIME in whole seconds, the clock of pw_block_entry::expires_s.
std::uint32_t boottime_seconds();

}  // namespace probewall
