// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace probewall {

/// A model list as servers answer it.
struct ModelNames {
  std::vector<std::string> names;  ///< in order, without doubles
  bool whole = false;              ///< the list ended inside the bytes seen
};

inline constexpr std::size_t kModelNameBytes = 96;

/// The names in the JSON `body` of a model list: string values of "id", "name", "model" and
/// "model_id", at most `max`. `body` may stop anywhere. Linear in its size.
ModelNames read_model_names(std::string_view body, std::size_t max);

}  // namespace probewall
