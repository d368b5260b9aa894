// SPDX-License-Identifier: Apache-2.0
// Takes over what block tables hold that were set aside, as one of them has another shape.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/block_table.hpp"

namespace probewall {

struct CarriedBlocks {
  std::uint64_t carried = 0;
  std::uint64_t no_room = 0;
  std::vector<std::string> unread;  ///< tables whose layout is not known
};

/// Puts the entries in force at `now_s` into `table`, which is new. An entry that is there already
/// stays. The former tables are only read: programs use them.
Result<CarriedBlocks> carry_former_blocks(const std::string& versioned_directory, BlockTable& table,
                                          std::uint32_t now_s);

}  // namespace probewall
