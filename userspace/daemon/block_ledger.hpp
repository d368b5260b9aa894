// SPDX-License-Identifier: Apache-2.0
// The guard's only way to the block tables: every write also keeps the expiry queue and the entry
// count, and puts a feed's entry back when a ban that replaced it has run out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/expiry_queue.hpp"
#include "dataplane/block_table.hpp"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

class BlockLedger {
 public:
  /// Reads what an earlier daemon left in `table`, which must outlive the ledger.
  static Result<BlockLedger> adopt(BlockTable& table);

  Result<void> put(const IpPrefix& prefix, const pw_block_entry& entry);
  Result<bool> remove(const IpPrefix& prefix);
  Result<std::uint64_t> flush();
  /// Removes what ran out, at most `limit` entries; `removed` gets each.
  void sweep(std::uint32_t now_s, std::size_t limit,
             const std::function<void(const BlockRecord&)>& removed);
  /// Removes every entry that lies inside `prefix`.
  Result<std::vector<BlockRecord>> remove_inside(const IpPrefix& prefix);

  Result<std::optional<pw_block_entry>> get(const IpPrefix& prefix) const {
    return table_->get(prefix);
  }
  Result<std::optional<BlockRecord>> match(const IpAddress& address, std::uint32_t now_s) const {
    return table_->match(address, now_s);
  }
  /// Entries in force.
  Result<std::vector<BlockRecord>> snapshot(std::uint32_t now_s) const;
  /// Whom they concern: a third of the memory.
  Result<std::vector<IpPrefix>> prefixes(std::uint32_t now_s) const;
  std::uint64_t size() const { return entries_; }
  BlockFills fills() const { return table_->fills(); }

  /// Makes `wanted` the built-in feed's entries: puts them, removes feed entries that are not in
  /// it. An entry of another origin in force stays and is followed by the feed's when it runs out.
  /// What the feed covered before and covers now stays blocked throughout.
  Result<void> set_feed(const std::map<IpPrefix, pw_block_entry>& wanted, std::uint32_t now_s);

 private:
  explicit BlockLedger(BlockTable& table) : table_(&table) {}
  template <typename T, typename Of>
  Result<std::vector<T>> collect(std::uint32_t now_s, Of of) const;
  Result<void> put_feed(const std::map<IpPrefix, pw_block_entry>& wanted, std::uint32_t now_s);

  BlockTable* table_;
  ExpiryQueue expiry_;
  std::map<IpPrefix, pw_block_entry> feed_;
  std::uint64_t entries_ = 0;
};

}  // namespace probewall
