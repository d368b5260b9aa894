// SPDX-License-Identifier: Apache-2.0
// The guard's only way to the block tables: every write also keeps the expiry queue and the entry
// count. A table holds one entry for each prefix. Where a feed names a prefix that somebody else
// banned, too, the ledger knows both and writes the one that takes more from the source: the
// stronger action, then the later end. What lies beneath comes up when the other ends.
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
  using Feed = std::map<IpPrefix, pw_block_entry>;

  struct Removal {
    std::optional<pw_block_entry> removed;
    std::optional<pw_block_entry> left;  ///< in force on the same prefix now: a feed's
  };

  /// Reads what an earlier daemon left in `table`, which must outlive the ledger.
  static Result<BlockLedger> adopt(BlockTable& table);

  /// A ban of whoever is no feed: it replaces the last such one. The feed's entry for the prefix
  /// stays in force where it is the stronger or longer one.
  Result<void> put(const IpPrefix& prefix, const pw_block_entry& entry, std::uint32_t now_s);
  /// Takes out the ban of whoever is no feed; where there is none, the feed's entry, until the feed
  /// is set again.
  Result<Removal> remove(const IpPrefix& prefix, std::uint32_t now_s);
  /// Everything, a feed's entries, too, until the feed is set again.
  Result<std::uint64_t> flush();
  /// Removes what ran out and brings up what lay beneath; looks at no more than `limit` entries.
  /// `ended` gets each entry that was in force.
  void sweep(std::uint32_t now_s, std::size_t limit,
             const std::function<void(const BlockRecord&)>& ended);
  /// Removes every entry that lies inside `prefix`, for good: no feed's comes up.
  Result<std::vector<BlockRecord>> remove_inside(const IpPrefix& prefix);

  /// What applies to the prefix itself, expired or not.
  Result<std::optional<pw_block_entry>> get(const IpPrefix& prefix) const;
  /// The same without the feed's entry: what put() would replace.
  Result<std::optional<pw_block_entry>> own(const IpPrefix& prefix) const;
  /// The feed has an entry for it, too.
  bool under_feed(const IpPrefix& prefix) const { return feed_.contains(prefix); }
  Result<std::optional<BlockRecord>> match(const IpAddress& address, std::uint32_t now_s) const;
  /// Entries in force.
  Result<std::vector<BlockRecord>> snapshot(std::uint32_t now_s) const;
  /// Whom they concern: a third of the memory.
  Result<std::vector<IpPrefix>> prefixes(std::uint32_t now_s) const;
  std::uint64_t size() const { return entries_; }
  /// Ends waited for: at most twice the entries and ExpiryQueue::kSlack, however often they change.
  std::size_t queued() const { return expiry_.size(); }
  BlockFills fills() const { return table_->fills(); }

  /// Makes `wanted` the built-in feed's entries, and takes out the feed's that are not in it. What
  /// the feed covered before and covers now stays blocked throughout.
  Result<void> set_feed(const Feed& wanted, std::uint32_t now_s);

 private:
  explicit BlockLedger(BlockTable& table) : table_(&table) {}
  template <typename T, typename Of>
  Result<std::vector<T>> collect(std::uint32_t now_s, Of of) const;
  pw_block_entry shown(const IpPrefix& prefix, const pw_block_entry& held) const;
  Result<void> settle(const IpPrefix& prefix, const Feed& feed, std::uint32_t now_s);
  Result<void> write(const IpPrefix& prefix, const pw_block_entry& entry);
  Result<bool> erase(const IpPrefix& prefix);
  void queue(const IpPrefix& prefix, std::uint32_t expires_s);
  void bound_queue();
  Result<void> queue_anew();
  Result<void> learn_own(const IpPrefix& prefix, std::uint32_t now_s);
  Result<void> put_feed(const Feed& wanted, std::uint32_t now_s);
  Result<void> drop_stale(const Feed& wanted, std::uint32_t now_s);

  BlockTable* table_;
  ExpiryQueue expiry_;
  Feed feed_;
  Feed own_;  ///< bans of others on the feed's prefixes, so never more than these
  std::uint64_t entries_ = 0;
};

}  // namespace probewall
