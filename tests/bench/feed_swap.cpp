// SPDX-License-Identifier: Apache-2.0
#include "bench/feed_swap.hpp"

#include <chrono>
#include <map>

#include "bench/fill.hpp"
#include "bench/lists.hpp"
#include "daemon/block_ledger.hpp"

namespace probewall::bench {
namespace {

using Feed = std::map<IpPrefix, pw_block_entry>;

/// Of five quarters of the list all but the first or the last.
Feed version(std::uint32_t count, bool later) {
  const std::uint32_t quarter = count / 4;
  Feed feed;
  const auto enter = [&](const IpPrefix& prefix) {
    pw_block_entry entry{};
    entry.action = PW_ACTION_DROP;
    entry.origin = PW_ORIGIN_FEED;
    entry.expires_s = PW_NEVER_EXPIRES;
    feed.emplace(prefix, entry);
  };
  const auto addresses = benign_v4(count + quarter, {});  // not blocked yet, so all are the feed's
  for (std::uint32_t i = 0; i < count; ++i) enter({addresses[i + (later ? quarter : 0)], 32});
  const auto prefixes = prefixes_v6((count + quarter) / 10);
  for (std::uint32_t i = 0; i < count / 10; ++i) {
    // The lists' own prefixes are in the table: theirs with another first bit are not.
    IpPrefix prefix = prefixes[i + (later ? quarter / 10 : 0)];
    prefix.address.bytes[0] ^= 0x80;
    enter(prefix);
  }
  return feed;
}

}  // namespace

Result<std::vector<double>> swap_feeds(BlockTable& table, std::uint32_t count) {
  auto ledger = BlockLedger::adopt(table);
  if (!ledger) return tl::unexpected(ledger.error());
  const Feed versions[] = {version(count, false), version(count, true)};
  const auto change = [&](const Feed& to) { return ledger->set_feed(to, boottime_seconds()); };
  if (auto ok = change(versions[0]); !ok) return tl::unexpected(ok.error());
  std::vector<double> out;
  for (int i = 1; i <= 4; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (auto ok = change(versions[i % 2]); !ok) return tl::unexpected(ok.error());
    out.push_back(seconds_since(start));
  }
  if (auto ok = change({}); !ok) return tl::unexpected(ok.error());
  return out;
}

}  // namespace probewall::bench
