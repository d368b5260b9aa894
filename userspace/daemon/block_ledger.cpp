// SPDX-License-Identifier: Apache-2.0
#include "daemon/block_ledger.hpp"

#include <algorithm>
#include <cerrno>

#include "daemon/guard_policy.hpp"

namespace probewall {
namespace {

// An entry with another one beneath it goes on in the kernel until the sweep, which comes every
// second, has put that one in its place.
constexpr std::uint32_t kHandoverSeconds = 2;

using Found = std::optional<pw_block_entry>;

Found find_in_force(const BlockLedger::Feed& entries, const IpPrefix& prefix, std::uint32_t now_s) {
  const auto found = entries.find(prefix);
  if (found == entries.end() || !in_force(found->second, now_s)) return std::nullopt;
  return found->second;
}

bool is_feeds(const pw_block_entry& entry) { return entry.origin == PW_ORIGIN_FEED; }

/// As the kernel shall have it while both are in force.
pw_block_entry stronger(const pw_block_entry& own, const pw_block_entry& feeds) {
  const int lead = pw_action_rank(own.action) - pw_action_rank(feeds.action);
  const bool own_wins = lead > 0 || (lead == 0 && own.expires_s >= feeds.expires_s);
  auto upper = own_wins ? own : feeds;
  const auto& lower = own_wins ? feeds : own;
  if (upper.expires_s < lower.expires_s) {
    upper.expires_s += std::min(kHandoverSeconds, lower.expires_s - upper.expires_s);
    if (upper.expires_s == PW_NEVER_EXPIRES) --upper.expires_s;
  }
  return upper;
}

bool same(const pw_block_entry& a, const pw_block_entry& b) {
  return a.expires_s == b.expires_s && a.handle == b.handle && a.action == b.action &&
         a.origin == b.origin && a.tag_bits == b.tag_bits;
}

}  // namespace

Result<BlockLedger> BlockLedger::adopt(BlockTable& table) {
  BlockLedger ledger{table};
  ledger.entries_ = table.size();
  if (auto read = ledger.queue_anew(); !read) return tl::unexpected(read.error());
  return ledger;
}

Result<void> BlockLedger::write(const IpPrefix& prefix, const pw_block_entry& entry) {
  const auto before = table_->get(prefix);
  if (!before) return tl::unexpected(before.error());
  if (*before && same(**before, entry)) return {};
  if (auto written = table_->put(prefix, entry); !written) return written;
  if (!*before) ++entries_;
  queue(prefix, entry.expires_s);
  return {};
}

Result<bool> BlockLedger::erase(const IpPrefix& prefix) {
  auto removed = table_->remove(prefix);
  if (removed && *removed) --entries_;
  bound_queue();
  return removed;
}

void BlockLedger::queue(const IpPrefix& prefix, std::uint32_t expires_s) {
  expiry_.push(prefix, expires_s);
  bound_queue();
}

void BlockLedger::bound_queue() {
  if (!expiry_.outgrown(entries_ + own_.size())) return;
  // When the table cannot be read, the old queue is as good, only longer.
  [[maybe_unused]] const auto shorter = queue_anew();
}

/// The ends of what is there now, and no others.
Result<void> BlockLedger::queue_anew() {
  ExpiryQueue fresh;
  fresh.reserve(entries_ + own_.size());
  auto read = table_->for_each([&fresh](const BlockRecord& record) {
    fresh.push(record.prefix, record.entry.expires_s);
    return true;
  });
  if (!read) return read;
  for (const auto& [prefix, entry] : own_) fresh.push(prefix, entry.expires_s);
  expiry_ = std::move(fresh);
  return {};
}

/// Writes what applies to `prefix` now, or takes its entry out.
Result<void> BlockLedger::settle(const IpPrefix& prefix, const Feed& feed, std::uint32_t now_s) {
  const auto own = find_in_force(own_, prefix, now_s);
  const auto feeds = find_in_force(feed, prefix, now_s);
  if (own && feeds) return write(prefix, stronger(*own, *feeds));
  if (own || feeds) return write(prefix, own ? *own : *feeds);
  if (const auto gone = erase(prefix); !gone) return tl::unexpected(gone.error());
  return {};
}

Result<void> BlockLedger::put(const IpPrefix& prefix, const pw_block_entry& entry,
                              std::uint32_t now_s) {
  if (!feed_.contains(prefix)) return write(prefix, entry);
  const auto before = own_.find(prefix);
  const auto earlier = before != own_.end() ? Found{before->second} : std::nullopt;
  own_[prefix] = entry;
  if (auto settled = settle(prefix, feed_, now_s); !settled) {
    own_.erase(prefix);
    if (earlier) own_[prefix] = *earlier;
    return settled;
  }
  queue(prefix, entry.expires_s);
  return {};
}

Result<BlockLedger::Removal> BlockLedger::remove(const IpPrefix& prefix, std::uint32_t now_s) {
  const auto there = get(prefix);
  if (!there) return tl::unexpected(there.error());
  Removal done{*there, std::nullopt};
  if (const auto own = own_.find(prefix); own != own_.end()) {
    done = {own->second, find_in_force(feed_, prefix, now_s)};
    own_.erase(own);
  }
  if (!done.left) feed_.erase(prefix);
  if (auto settled = settle(prefix, feed_, now_s); !settled) {
    return tl::unexpected(settled.error());
  }
  return done;
}

Result<std::uint64_t> BlockLedger::flush() {
  auto flushed = table_->flush();
  if (!flushed) return flushed;
  expiry_.clear();
  feed_.clear();
  own_.clear();
  entries_ = 0;
  return flushed;
}

void BlockLedger::sweep(std::uint32_t now_s, std::size_t limit,
                        const std::function<void(const BlockRecord&)>& ended) {
  for (std::size_t n = 0; n < limit; ++n) {
    const auto prefix = expiry_.pop_due(now_s);
    if (!prefix) return;
    const auto before = get(*prefix);
    if (!before || !*before) continue;
    const auto own = own_.find(*prefix);
    if (own != own_.end() && !in_force(own->second, now_s)) own_.erase(own);
    if (in_force(**before, now_s)) continue;
    // Nothing is lost when this fails: the kernel looks at the end itself.
    if (const auto settled = settle(*prefix, feed_, now_s); settled) ended({*prefix, **before});
  }
}

Result<std::vector<BlockRecord>> BlockLedger::remove_inside(const IpPrefix& prefix) {
  std::vector<BlockRecord> inside;
  if (prefix.is_single()) {
    const auto entry = get(prefix);
    if (!entry) return tl::unexpected(entry.error());
    if (*entry) inside.push_back({prefix, **entry});
  } else {
    auto walked = table_->for_each([&](const BlockRecord& record) {
      if (prefix.contains(record.prefix))
        inside.push_back({record.prefix, shown(record.prefix, record.entry)});
      return true;
    });
    if (!walked) return tl::unexpected(walked.error());
  }
  for (const auto& record : inside) {
    if (const auto gone = erase(record.prefix); !gone) return tl::unexpected(gone.error());
    own_.erase(record.prefix);
    feed_.erase(record.prefix);
  }
  return inside;
}

/// `held`, with the end it was given instead of the kernel's.
pw_block_entry BlockLedger::shown(const IpPrefix& prefix, const pw_block_entry& held) const {
  if (feed_.empty()) return held;
  const auto& source = is_feeds(held) ? feed_ : own_;
  const auto found = source.find(prefix);
  return found != source.end() ? found->second : held;
}

Result<Found> BlockLedger::get(const IpPrefix& prefix) const {
  auto held = table_->get(prefix);
  if (held && *held) *held = shown(prefix, **held);
  return held;
}

Result<Found> BlockLedger::own(const IpPrefix& prefix) const {
  if (!feed_.contains(prefix)) return table_->get(prefix);
  const auto found = own_.find(prefix);
  return found != own_.end() ? Found{found->second} : std::nullopt;
}

Result<std::optional<BlockRecord>> BlockLedger::match(const IpAddress& address,
                                                      std::uint32_t now_s) const {
  auto record = table_->match(address, now_s);
  if (record && *record) (*record)->entry = shown((*record)->prefix, (*record)->entry);
  return record;
}

/// `of(record)` for every entry in force.
template <typename T, typename Of>
Result<std::vector<T>> BlockLedger::collect(std::uint32_t now_s, Of of) const {
  std::vector<T> out;
  out.reserve(entries_);
  auto walked = table_->for_each([&](const BlockRecord& held) {
    const BlockRecord record{held.prefix, shown(held.prefix, held.entry)};
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

/// Before a feed names `prefix`: the ban that is there may be somebody else's.
Result<void> BlockLedger::learn_own(const IpPrefix& prefix, std::uint32_t now_s) {
  if (own_.contains(prefix)) return {};
  const auto held = table_->get(prefix);
  if (!held) return tl::unexpected(held.error());
  if (*held && !is_feeds(**held) && in_force(**held, now_s)) {
    own_[prefix] = **held;
    queue(prefix, (*held)->expires_s);
  }
  return {};
}

Result<void> BlockLedger::put_feed(const Feed& wanted, std::uint32_t now_s) {
  for (const auto& [prefix, entry] : wanted) {
    if (auto learned = learn_own(prefix, now_s); !learned) return learned;
    if (auto settled = settle(prefix, wanted, now_s); !settled) return settled;
  }
  return {};
}

/// What only the earlier feed named goes, and leaves what others banned.
Result<void> BlockLedger::drop_stale(const Feed& wanted, std::uint32_t now_s) {
  std::vector<IpPrefix> stale;
  auto walked = table_->for_each([&](const BlockRecord& record) {
    const bool feeds = is_feeds(record.entry) || own_.contains(record.prefix);
    if (feeds && !wanted.contains(record.prefix)) stale.push_back(record.prefix);
    return true;
  });
  if (!walked) return walked;
  for (const auto& prefix : stale) {
    if (auto settled = settle(prefix, wanted, now_s); !settled) return settled;
    own_.erase(prefix);
  }
  return {};
}

Result<void> BlockLedger::set_feed(const Feed& wanted, std::uint32_t now_s) {
  // The new entries first: an address that a prefix covered and that is now listed by itself, or
  // the other way round, is blocked all the time. Only a table without room for both has to make
  // room first.
  auto added = put_feed(wanted, now_s);
  if (!added && added.error().errno_value != ENOSPC) return added;
  if (auto dropped = drop_stale(wanted, now_s); !dropped) return dropped;
  if (!added) {
    if (auto again = put_feed(wanted, now_s); !again) return again;
  }
  feed_ = wanted;
  return {};
}

}  // namespace probewall
