// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986, section 2.1) and paths as servers compare them.
#pragma once

#include <string>
#include <string_view>

namespace probewall {

/// 0 to 15; -1 for any other character.
constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// %XX decoded; broken escapes stay as they are. Replaces `out`.
void percent_decode(std::string_view text, std::string& out);

/// A path decoded, with doubled slashes and one at the end taken away. Replaces `out`.
void normalise_path(std::string_view raw, std::string& out);

}  // namespace probewall
