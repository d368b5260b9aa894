// SPDX-License-Identifier: Apache-2.0
#include "daemon/block_ledger.hpp"

#include <cerrno>

#include "daemon/guard_policy.hpp"

namespace probewall {

Result<BlockLedger> BlockLedger::adopt(BlockTable& table) {
  BlockLedger ledger{table};
  ledger.expiry_.reserve(table.size());
  auto read = table.for_each([&ledger](const BlockRecord& record) {
    ledger.expiry_.push(record.prefix, record.entry.expires_s);
    ++ledger.entries_;
    return true;
  });
  if (!read) return tl::unexpected(read.error());
  return ledger;
}

Result<void> BlockLedger::put(const IpPrefix& prefix, const pw_block_entry& entry) {
  const auto before = table_->get(prefix);
  if (!before) return tl::unexpected(before.error());
  if (auto written = table_->put(prefix, entry); !written) return written;
  if (!*before) ++entries_;
  expiry_.push(prefix, entry.expires_s);
  return {};
}

Result<bool> BlockLedger::remove(const IpPrefix& prefix) {
  auto removed = table_->remove(prefix);
  if (removed && *removed) --entries_;
  return removed;
}

Result<std::uint64_t> BlockLedger::flush() {
  auto flushed = table_->flush();
  if (!flushed) return flushed;
  expiry_.clear();
  feed_.clear();  // the operator wants none of it now; the next start brings the feed back
  entries_ = 0;
  return flushed;
}

void BlockLedger::sweep(std::uint32_t now_s, std::size_t limit,
                        const std::function<void(const BlockRecord&)>& removed) {
  for (std::size_t n = 0; n < limit; ++n) {
    const auto prefix = expiry_.pop_due(now_s);
    if (!prefix) return;
    const auto entry = table_->get(*prefix);
    if (!entry || !*entry || in_force(**entry, now_s)) continue;
    const auto gone = remove(*prefix);
    if (!gone || !*gone) continue;
    removed({*prefix, **entry});
    if (const auto fed = feed_.find(*prefix); fed != feed_.end()) {
      // Room was just made; a failure leaves the address to the next start.
      [[maybe_unused]] const auto back = put(*prefix, fed->second);
    }
  }
}

Result<std::vector<BlockRecord>> BlockLedger::remove_inside(const IpPrefix& prefix) {
  std::vector<BlockRecord> inside;
  if (prefix.is_single()) {
    const auto entry = table_->get(prefix);
    if (!entry) return tl::unexpected(entry.error());
    if (*entry) inside.push_back({prefix, **entry});
  } else {
    auto walked = table_->for_each([&](const BlockRecord& record) {
      if (prefix.contains(record.prefix)) inside.push_back(record);
      return true;
    });
    if (!walked) return tl::unexpected(walked.error());
  }
  for (const auto& record : inside) {
    if (const auto gone = remove(record.prefix); !gone) return tl::unexpected(gone.error());
  }
  return inside;
}

/// `of(record)` for every entry in force.
template <typename T, typename Of>
Result<std::vector<T>> BlockLedger::collect(std::uint32_t now_s, Of of) const {
  std::vector<T> out;
  out.reserve(entries_);
  auto walked = table_->for_each([&](const BlockRecord& record) {
    if (in_force(record.entry, now_s)) out.push_back(of(record));
    return true;
  });
  if (!walked) return tl::unexpected(walked.error());
  return out;
}

Result<std::vector<BlockRecord>> BlockLedger::snapshot(std::uint32_t now_s) const {
  return collect<BlockRecord>(now_s, [](const BlockRecord& record) { return record; });
}

Result<std::vector<IpPrefix>> BlockLedger::prefixes(std::uint32_t now_s) const {
  return collect<IpPrefix>(now_s, [](const BlockRecord& record) { return record.prefix; });
}

Result<void> BlockLedger::put_feed(const std::map<IpPrefix, pw_block_entry>& wanted,
                                   std::uint32_t now_s) {
  for (const auto& [prefix, entry] : wanted) {
    const auto there = table_->get(prefix);
    if (!there) return tl::unexpected(there.error());
    if (*there && (*there)->origin != PW_ORIGIN_FEED && in_force(**there, now_s)) continue;
    if (auto written = put(prefix, entry); !written) return written;
  }
  return {};
}

Result<void> BlockLedger::set_feed(const std::map<IpPrefix, pw_block_entry>& wanted,
                                   std::uint32_t now_s) {
  // The new entries first: an address that a prefix covered and that is now listed by itself, or
  // the other way round, is blocked all the time. Only a table without room for both has to make
  // room first.
  auto added = put_feed(wanted, now_s);
  if (!added && added.error().errno_value != ENOSPC) return added;
  std::vector<IpPrefix> stale;
  auto walked = table_->for_each([&](const BlockRecord& record) {
    if (record.entry.origin == PW_ORIGIN_FEED && !wanted.contains(record.prefix)) {
      stale.push_back(record.prefix);
    }
    return true;
  });
  if (!walked) return walked;
  for (const auto& prefix : stale) {
    if (const auto gone = remove(prefix); !gone) return tl::unexpected(gone.error());
  }
  if (!added) {
    if (auto again = put_feed(wanted, now_s); !again) return again;
  }
  feed_ = wanted;
  return {};
}

}  // namespace probewall
