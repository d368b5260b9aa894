// SPDX-License-Identifier: Apache-2.0
// Block tables that an earlier version left behind.
#pragma once

#include <string>
#include <vector>

#include "dataplane/block_table.hpp"

namespace probewall {

/// Takes every entry of the hash and LPM tables that versions before the bucket tables pinned into
/// `table`, then removes their pins. Programs of that version go on with their maps until they are
/// replaced, so nothing is unblocked in between. An entry that does not fit is an error and leaves
/// the pins. Returns the names of tables of another shape, which are set aside. No such pins:
/// success.
Result<std::vector<std::string>> adopt_plain_tables(const std::string& versioned_directory,
                                                    BlockTable& table);

}  // namespace probewall
