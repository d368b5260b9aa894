// SPDX-License-Identifier: Apache-2.0
// The one writer's view of the block tables that bpf/block.bpf.h reads (abi/block_table.h).
#pragma once

#include <array>
#include <cstddef>
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

/// What a limit counts.
enum class BlockTableKind : std::uint8_t { kV4, kV6, kPrefixV4, kPrefixV6, kCount };

struct BlockFill {
  std::uint64_t entries = 0;
  std::uint64_t limit = 0;
  bool nearly_full() const { return limit != 0 && entries * 10 >= limit * 9; }
};
/// By BlockTableKind.
using BlockFills = std::array<BlockFill, static_cast<std::size_t>(BlockTableKind::kCount)>;

/// Entries per family.
struct BlockLimits {
  std::uint32_t addresses = 1u << 20;
  std::uint32_t prefixes = 1u << 17;
};

/// Size of pw_block_prefix: both families' prefixes, and the addresses that find no bucket.
std::uint32_t prefix_hash_entries(std::uint32_t max_prefixes);

/// Reads and writes the pinned block tables. Movable, owns its descriptors. One writer at a time; a
/// writer finds what another wrote before it was opened. Memory follows the content.
class BlockTable {
 public:
  /// Opens the tables pinned under `<pin_directory>/v<PW_ABI_VERSION>/`. A writer first completes
  /// what an earlier one left half done. More entries than `limits`: kConfigInvalid.
  static Result<BlockTable> open(const std::string& pin_directory, bool read_only,
                                 const BlockLimits& limits = {});
  BlockTable(BlockTable&&) noexcept;
  BlockTable& operator=(BlockTable&&) noexcept;
  ~BlockTable();

  /// Adds or overwrites; the packets of an address that is in the table never see it missing.
  /// Costs microseconds whatever the table's size, milliseconds when the table doubles. Full table:
  /// Error with ENOSPC. Entries without action are refused (EINVAL); an expiry past 34 years of
  /// uptime is never.
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
  /// LLM and decoy ports lie in [first, last], as the programs' shortest way wants to know; first >
  /// last: there are none. Call with a range that covers old and new ports before ports change.
  void set_port_range(std::uint32_t first, std::uint32_t last);
  /// Entries of both families.
  std::uint64_t size() const;
  /// Of these, single addresses that found no bucket.
  std::uint64_t spilled() const;
  /// How near each limit is.
  BlockFills fills() const;

 private:
  struct State;
  explicit BlockTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace probewall
