// SPDX-License-Identifier: Apache-2.0
// Where requests carry keys: names of headers, query parameters and cookies. All are compared
// without case.
#pragma once

#include <cstdint>
#include <string_view>

namespace probewall {

/// How much a value says of its sender, least first.
enum class KeyRank : std::uint8_t {
  kNone,     ///< no key
  kSession,  ///< a cookie, or what a proxy adds: it changes by itself
  kSign,     ///< the same, made to show who somebody is (tokens, JWTs)
  kKey,      ///< a key of the sender's own
  kBearer
};

/// A bit for each of these letters, case aside.
consteval std::uint32_t letter_bits(std::string_view letters) {
  std::uint32_t bits = 0;
  for (const char letter : letters) bits |= 1u << (letter & 31);
  return bits;
}

/// Whether `name` ends as one that the table knows: most headers go no further than this.
constexpr bool ends_like_key_header(std::string_view name) {
  constexpr std::uint32_t kLast = letter_bits("yntadh"), kBeforeLast = letter_bits("eotid");
  if (name.size() < 3) return false;
  return (kLast >> (name[name.size() - 1] & 31) & kBeforeLast >> (name[name.size() - 2] & 31) &
          1) != 0;
}

KeyRank known_key_header(std::string_view name);
/// The rank of what a header of this name holds. `Authorization` counts as kKey: its scheme says
/// more.
inline KeyRank key_header(std::string_view name) {
  return ends_like_key_header(name) ? known_key_header(name) : KeyRank::kNone;
}

/// Whether the value of this query parameter is a key. `name` as sent, percent-encoding included.
bool is_key_parameter(std::string_view name);

/// kNone, kSession or kSign.
KeyRank key_cookie(std::string_view name);

}  // namespace probewall
