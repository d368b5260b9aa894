// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace probewall {

/// Whether `key` stands in manuals and tutorials, so that it says nothing of who sends it: what
/// libraries are given where no key is asked for (`EMPTY`, `ollama`, `not-needed`), and what
/// products are set up with by those who copy their first page (`sk-1234`). Compared without case.
bool is_well_known_key(std::string_view key);

}  // namespace probewall
