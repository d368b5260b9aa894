// SPDX-License-Identifier: Apache-2.0
// User-space twin of bpf/block_reference.bpf.h: the block tables as plain hash and LPM maps. The
// differential test and the benchmark compare the shipped tables with it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/block_table.hpp"
#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Reads and writes the pinned reference tables. Movable, owns its descriptors. One writer at a
/// time.
class ReferenceBlockTable {
 public:
  /// Opens the tables pinned under `<pin_directory>/v<PW_ABI_VERSION>/`.
  static Result<ReferenceBlockTable> open(const std::string& pin_directory, bool read_only);
  ReferenceBlockTable(ReferenceBlockTable&&) noexcept;
  ReferenceBlockTable& operator=(ReferenceBlockTable&&) noexcept;
  ~ReferenceBlockTable();

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
  explicit ReferenceBlockTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace probewall
