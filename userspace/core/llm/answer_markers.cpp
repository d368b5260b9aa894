// SPDX-License-Identifier: Apache-2.0
// What answers give away about the server that wrote them.
#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>

#include "core/http/text.hpp"
#include "core/llm/answer_marker_rows.hpp"
#include "core/llm/classify.hpp"

namespace probewall {
namespace {

/// After these, JSON writers put blanks or not.
constexpr bool opens_gap(char c) { return c == ':' || c == ',' || c == '[' || c == '{'; }
constexpr bool is_gap(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// How many bytes of the marker stand in a text without blanks between them.
constexpr std::size_t solid_bytes(std::string_view marker) {
  for (std::size_t i = 0; i < marker.size(); ++i) {
    if (opens_gap(marker[i])) return i + 1;
  }
  return marker.size();
}

/// Whether `text` begins with the marker, blanks after punctuation left aside. `solid` is
/// solid_bytes(marker).
bool begins_with_json(std::string_view text, std::string_view marker, std::size_t solid) {
  if (text.substr(0, solid) != marker.substr(0, solid)) return false;
  std::size_t at = solid;
  for (std::size_t m = solid; m < marker.size(); ++m, ++at) {
    if (opens_gap(marker[m - 1]) && !is_gap(marker[m])) {
      while (at < text.size() && is_gap(text[at])) ++at;
    }
    if (at >= text.size() || text[at] != marker[m]) return false;
  }
  return true;
}

bool begins_with_line(std::string_view text, std::string_view lower, std::size_t) {
  return equals_lower(text.substr(0, lower.size()), lower);
}

/// Finds any marker of a list by looking at a pair of bytes here and there (Wu and Manber, "A fast
/// algorithm for multi-pattern searching", 1994): most pairs occur in no marker's first `width`
/// bytes, and then the next marker can end no earlier than `width - 1` bytes on. Bit 0x20 is set in
/// every byte: good for comparisons with and without case.
template <std::size_t N>
struct MarkerIndex {
  static constexpr std::size_t kBuckets = 2048;
  std::size_t width = 0;                       ///< fewest bytes that stand as they are
  std::array<std::uint8_t, kBuckets> skip{};   ///< 0: a marker's first `width` bytes may end here
  std::array<std::uint8_t, kBuckets> first{};  ///< number of a marker that may, from 1
  std::array<std::uint8_t, N + 1> next{};      ///< another one in the same bucket
  std::array<std::uint8_t, N + 1> also{};      ///< the one that must occur, too; 0: none
  std::array<std::uint32_t, N + 1> start{};    ///< its first four bytes, bit 0x20 set
  std::array<std::uint8_t, N + 1> solid{};     ///< its solid_bytes()

  static constexpr std::size_t bucket(char before, char last) {
    const auto low = static_cast<std::uint32_t>(static_cast<unsigned char>(before) | 0x20u);
    const auto high = static_cast<std::uint32_t>(static_cast<unsigned char>(last) | 0x20u);
    return ((low | high << 8) * 0x9E3779B1u) >> 21;
  }

  /// Four bytes at once, alike in either case.
  static constexpr std::uint32_t four(const char* at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      word |= static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])) << 8 * i;
    }
    return word | 0x20202020u;
  }

  /// 0 without a text. A text that is no row does not compile.
  static constexpr std::uint8_t number_of(const Marker (&markers)[N], std::string_view text) {
    if (text.empty()) return 0;
    for (std::size_t m = 1; m <= N; ++m) {
      if (markers[m - 1].text == text) return static_cast<std::uint8_t>(m);
    }
    throw "a marker's other half is no row";
  }

  explicit constexpr MarkerIndex(const Marker (&markers)[N]) {
    width = solid_bytes(markers[0].text);
    for (const Marker& marker : markers) width = std::min(width, solid_bytes(marker.text));
    skip.fill(static_cast<std::uint8_t>(width - 1));
    for (std::size_t m = 1; m <= N; ++m) {
      const std::string_view text = markers[m - 1].text;
      for (std::size_t i = 1; i < width; ++i) {
        std::uint8_t& known = skip[bucket(text[i - 1], text[i])];
        known = std::min(known, static_cast<std::uint8_t>(width - 1 - i));
      }
      std::uint8_t& head = first[bucket(text[width - 2], text[width - 1])];
      next[m] = head;
      head = static_cast<std::uint8_t>(m);
      also[m] = number_of(markers, markers[m - 1].also);
      start[m] = four(text.data());
      solid[m] = static_cast<std::uint8_t>(solid_bytes(text));
    }
  }
};
constexpr MarkerIndex kServerIndex{kServerMarkers};
constexpr MarkerIndex kBodyIndex{kBodyMarkers};
constexpr MarkerIndex kPageIndex{kPageMarkers};
static_assert(kServerIndex.width >= 5 && kBodyIndex.width >= 5 && kPageIndex.width >= 5,
              "short markers make the search slow");

/// The product of the earliest row that occurs in `text`, with its other half if it has one.
template <std::size_t N, typename Begins>
Impl find_marker(std::string_view text, const Marker (&markers)[N], const MarkerIndex<N>& index,
                 Begins begins) {
  std::bitset<N + 1> seen;
  for (std::size_t end = index.width - 1; end < text.size();) {
    const std::size_t bucket = index.bucket(text[end - 1], text[end]);
    if (const std::size_t skip = index.skip[bucket]; skip > 0) {
      end += skip;
      continue;
    }
    const std::string_view rest = text.substr(end + 1 - index.width);
    const std::uint32_t start = index.four(rest.data());
    for (std::size_t m = index.first[bucket]; m != 0; m = index.next[m]) {
      const bool may = start == index.start[m] && !seen[m];
      if (may && begins(rest, markers[m - 1].text, index.solid[m])) seen[m] = true;
    }
    ++end;
  }
  if (seen.none()) return Impl::kUnknown;
  for (std::size_t m = 1; m <= N; ++m) {
    const bool whole = seen[m] && (index.also[m] == 0 || seen[index.also[m]]);
    if (whole && markers[m - 1].impl != Impl::kUnknown) return markers[m - 1].impl;
  }
  return Impl::kUnknown;
}

/// Whether the body, behind the length of a first chunk, is HTML or an OpenAPI document.
bool is_page(std::string_view body) {
  constexpr std::size_t kFraming = 24;
  const std::size_t at = find_any<'<', '{'>(body.substr(0, kFraming));
  if (at == std::string_view::npos) return false;
  return body[at] == '<' || begins_with_json(body.substr(at), "{\"openapi\":", 1);
}

}  // namespace

bool holds_json(std::string_view text, std::string_view marker) {
  const std::size_t solid = solid_bytes(marker);
  const std::string_view start = marker.substr(0, solid);
  for (auto at = text.find(start); at != text.npos; at = text.find(start, at + 1)) {
    if (begins_with_json(text.substr(at), marker, solid)) return true;
  }
  return false;
}

Impl impl_of_answer(std::string_view head_and_body) {
  const auto head = head_and_body.substr(0, head_and_body.find("\r\n\r\n"));
  const Impl by_head = find_marker(head, kServerMarkers, kServerIndex, begins_with_line);
  if (by_head != Impl::kUnknown) return by_head;
  const auto body = head_and_body.substr(head.size());
  const Impl by_body = find_marker(body, kBodyMarkers, kBodyIndex, begins_with_json);
  if (by_body != Impl::kUnknown || !is_page(body)) return by_body;
  return find_marker(body, kPageMarkers, kPageIndex, begins_with_json);
}

}  // namespace probewall
