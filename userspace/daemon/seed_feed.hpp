// SPDX-License-Identifier: Apache-2.0
// The built-in feed `seed`: the campaign's first addresses, seen from 2025-12-30 on (DESIGN.md, 1).
#pragma once

#include <map>
#include <vector>

#include "config/config.hpp"
#include "daemon/allow_set.hpp"
#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"

namespace probewall {

struct SeedFeed {
  std::map<IpPrefix, pw_block_entry> entries;  ///< never expire, origin feed
  std::vector<IpPrefix> skipped;               ///< on the allow set: never blocked
};

/// Empty when `enabled` is false, which removes earlier entries.
SeedFeed seed_feed(bool enabled, FeedAction action, const AllowSet& allow);

}  // namespace probewall
