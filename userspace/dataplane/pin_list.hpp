// SPDX-License-Identifier: Apache-2.0
// What lies in the directory of our pins.
#pragma once

#include <string>
#include <vector>

#include "probewall/result.hpp"

namespace probewall {

struct PinList {
  std::vector<std::string> own;      ///< paths of pins under names we use
  std::vector<std::string> foreign;  ///< paths of everything else: left alone
};
/// An absent directory has none.
Result<PinList> list_pins(const std::string& versioned_directory);

}  // namespace probewall
