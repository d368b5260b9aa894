// SPDX-License-Identifier: Apache-2.0
// The address lists every contestant of a benchmark is given: the same in each run.
#pragma once

#include <cstdint>
#include <vector>

#include "probewall/ip.hpp"

namespace probewall::bench {

/// `count` different addresses, spread evenly over unicast space; a longer list begins with the
/// shorter one. Uniformly random is the hardest case for tables and caches: real lists cluster.
std::vector<IpAddress> blocked_v4(std::uint32_t count);
std::vector<IpAddress> blocked_v6(std::uint32_t count);

/// `count` different prefixes with lengths as feeds have them: IPv4 60 % /24, 18 % /22 and /23, the
/// rest /16 to /21 and /26 to /29; IPv6 /32 to /64.
std::vector<IpPrefix> prefixes_v4(std::uint32_t count);
std::vector<IpPrefix> prefixes_v6(std::uint32_t count);

/// `count` different addresses that neither the 1,000,000 addresses nor any of `prefixes` block.
std::vector<IpAddress> benign_v4(std::uint32_t count, const std::vector<IpPrefix>& prefixes);
std::vector<IpAddress> benign_v6(std::uint32_t count, const std::vector<IpPrefix>& prefixes);

/// One address inside each prefix.
std::vector<IpAddress> inside(const std::vector<IpPrefix>& prefixes);

/// BENCH_SOURCES entries that repeat `list`, in an order that is not the one it was inserted in.
std::vector<IpAddress> spread(const std::vector<IpAddress>& list);

}  // namespace probewall::bench
