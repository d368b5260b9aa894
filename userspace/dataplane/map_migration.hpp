// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "probewall/result.hpp"

struct bpf_map;

namespace probewall {

/// Compares the map pinned at `map`'s pin path with what `map` wants. Same size or no pin: nothing
/// to do. Another size (or flags): a new map gets the entries (tables the operator relies on) or
/// starts empty (state), and takes the pin; the old map stays pinned beside it, and programs loaded
/// earlier go on with it, until one of the two calls below. Another type, key or value: Error.
/// Entries that do not fit: Error, nothing changed.
Result<void> migrate_pinned_map(const bpf_map* map);

/// The programs use the new maps: the old ones go, and those that no program of this version has.
void keep_migrated_maps(const std::string& versioned_directory);
/// The programs still use the old maps: they get their pins back, so that tools and the next start
/// write what is in use.
void undo_migrated_maps(const std::string& versioned_directory);

}  // namespace probewall
