// SPDX-License-Identifier: Apache-2.0
// Block tables that an earlier version left behind.
#pragma once

#include <string>

#include "dataplane/block_table.hpp"

namespace probewall {

/// Takes every entry of the hash and LPM tables that versions before the bucket tables pinned into
/// `table`, then removes their pins. Programs of that version go on with their maps until they are
/// replaced, so nothing is unblocked in between. An entry that does not fit is an error and leaves
/// the pins; so does one of another shape. No such pins: success.
Result<void> adopt_plain_tables(const std::string& versioned_directory, BlockTable& table);

}  // namespace probewall
