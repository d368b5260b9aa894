// SPDX-License-Identifier: Apache-2.0
// Fills a block table, the shipped or the reference one, with a benchmark's lists.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "bench/lists.hpp"
#include "dataplane/block_table.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall::bench {

struct Content {
  std::uint32_t v4 = 0;  ///< single addresses
  std::uint32_t v6 = 0;
  std::uint32_t prefixes = 0;  ///< of each family
};

/// How long filling took, one `put` after the other; one add is measured with all in place.
struct FillTimes {
  double v4_s = 0;        ///< all single addresses of the family
  double v6_s = 0;        ///< likewise
  double prefixes_s = 0;  ///< all prefixes of both families
  double one_add_us = 0;  ///< median
};

/// A ban as the detector makes it: it expires, so its time is compared on every hit.
inline pw_block_entry a_ban(const IpPrefix& of) {
  pw_block_entry entry{};
  entry.expires_s = boottime_seconds() + 86400;
  entry.handle = 1;
  entry.action = PW_ACTION_DROP;
  entry.prefix_len = of.length;
  return entry;
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <typename Table>
Result<double> timed_puts(Table& table, const std::vector<IpPrefix>& prefixes) {
  const auto start = std::chrono::steady_clock::now();
  for (const IpPrefix& prefix : prefixes) {
    if (auto ok = table.put(prefix, a_ban(prefix)); !ok) return tl::unexpected(ok.error());
  }
  return seconds_since(start);
}

template <typename Table>
Result<FillTimes> fill_table(Table& table, const Content& content) {
  std::vector<IpPrefix> v4, v6, ranges = prefixes_v4(content.prefixes);
  for (const IpAddress& a : blocked_v4(content.v4)) v4.push_back({a, 32});
  for (const IpAddress& a : blocked_v6(content.v6)) v6.push_back({a, 128});
  for (const IpPrefix& p : prefixes_v6(content.prefixes)) ranges.push_back(p);
  const auto v4_s = timed_puts(table, v4);
  if (!v4_s) return tl::unexpected(v4_s.error());
  const auto v6_s = timed_puts(table, v6);
  if (!v6_s) return tl::unexpected(v6_s.error());
  const auto prefixes_s = timed_puts(table, ranges);
  if (!prefixes_s) return tl::unexpected(prefixes_s.error());

  const std::vector<IpPrefix> extra{{IpAddress::from_v4(0xc6120101u), 32}};
  std::array<double, 101> adds{};
  for (double& add : adds) {
    const auto one = timed_puts(table, extra);
    if (!one) return tl::unexpected(one.error());
    add = *one * 1e6;
    if (auto gone = table.remove(extra[0]); !gone) return tl::unexpected(gone.error());
  }
  std::nth_element(adds.begin(), adds.begin() + adds.size() / 2, adds.end());
  return FillTimes{*v4_s, *v6_s, *prefixes_s, adds[adds.size() / 2]};
}

}  // namespace probewall::bench
