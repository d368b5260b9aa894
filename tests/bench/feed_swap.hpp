// SPDX-License-Identifier: Apache-2.0
// A feed replaced by its next version, as the guard does it.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/block_table.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

/// Seconds that each of four changes takes between two versions of a feed of `count` addresses and
/// `count` / 10 prefixes, which share three quarters of them. Leaves none of it in `table`.
Result<std::vector<double>> swap_feeds(BlockTable& table, std::uint32_t count);

}  // namespace probewall::bench
