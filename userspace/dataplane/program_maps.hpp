// SPDX-License-Identifier: Apache-2.0
// Maps that loaded programs hold, whether pinned or not.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/unique_fd.hpp"

namespace probewall {

/// The map called `name` of a filter program that also uses one of the maps `ours` (ids), the
/// newest program's if they have several; empty: there is none.
UniqueFd map_of_programs(std::string_view name, std::span<const std::uint32_t> ours);

}  // namespace probewall
