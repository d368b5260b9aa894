// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probewall/result.hpp"

struct bpf_map;

namespace probewall {

/// Compares the map pinned at `map`'s pin path with what `map` wants. Same size or no pin: nothing
/// to do. Another size (or flags): a new map gets the entries (tables the operator relies on) or
/// starts empty (state), and takes the pin in one rename; programs loaded earlier go on with the
/// old map until they are replaced. Another type, key or value: Error. Entries that do not fit:
/// Error, nothing changed.
Result<void> migrate_pinned_map(const bpf_map* map);

}  // namespace probewall
