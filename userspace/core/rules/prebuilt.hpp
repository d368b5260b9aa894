// SPDX-License-Identifier: Apache-2.0
// What the build made of the shipped rule files, so that starting costs no compilation: the pattern
// databases and the parsed trees. Anything that is not found here is compiled as usual.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rules/pattern_db.hpp"
#include "core/rules/yaml_node.hpp"

namespace probewall::rules {

/// Says which input an entry was made from.
using PrebuiltKey = std::array<std::uint64_t, 2>;
PrebuiltKey prebuilt_key(std::string_view text);
PrebuiltKey prebuilt_key(const std::vector<std::string>& regexes, PatternDatabase::Lines lines);

/// The container that build_rules wrote (generated); empty in that tool itself.
std::string_view prebuilt_blob();

/// The entry with that key, empty when there is none.
std::string_view find_prebuilt(const PrebuiltKey& key);
/// Container format: for each entry 16 bytes key, 8 bytes size, the bytes, padding to 8.
void append_prebuilt(std::string& blob, const PrebuiltKey& key, std::string_view bytes);

/// A tree as bytes and back. Only for bytes this program carries: they are trusted.
std::string pack_tree(const YamlNode& root);
YamlNode unpack_tree(std::string_view bytes);

}  // namespace probewall::rules
