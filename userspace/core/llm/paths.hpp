// SPDX-License-Identifier: Apache-2.0
// Paths in tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/percent.hpp"

namespace probewall {

enum class PathMatch : std::uint8_t {
  kExact,
  kPrefix,
  kSuffix  ///< also behind a proxy's prefix
};

/// `text`, at least two bytes, against a clean path.
inline bool path_matches(std::string_view path, std::string_view text, PathMatch match) {
  if (path.size() < text.size()) return false;
  // One byte decides most comparisons.
  const bool suffix = match == PathMatch::kSuffix;
  if (suffix ? path.back() != text.back() : path[1 % path.size()] != text[1]) return false;
  if (suffix) return path.ends_with(text);
  return match == PathMatch::kPrefix ? path.starts_with(text) : path == text;
}

/// A path as servers compare it: decoded, without doubled slashes and one at the end. Views into
/// `raw` or `decoded`.
inline std::string_view clean_path(std::string_view raw, std::string& decoded) {
  const bool plain = raw.find('%') == raw.npos && raw.find("//") == raw.npos &&
                     !(raw.size() > 1 && raw.back() == '/');
  if (plain) return raw;
  normalise_path(raw, decoded);
  return decoded;
}

}  // namespace probewall
