// SPDX-License-Identifier: Apache-2.0
// JSON strings (RFC 8259, section 7) and the end of a document, for texts that may stop anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace probewall {

/// Offset of the first quote, backslash or control character at or after `pos`, else text.size().
std::size_t find_string_special(std::string_view text, std::size_t pos);

struct StringEnd {
  std::size_t pos = 0;   ///< after the closing quote, or text.size()
  bool finished = true;  ///< false: the text stops inside the string
  bool malformed = false;
  bool plain = true;  ///< nothing in it is escaped, and no control character
};

/// Passes over the string whose first character (after the quote) is at `pos`.
StringEnd skip_json_string(std::string_view text, std::size_t pos);

/// The same, unescaped into `out` as valid UTF-8 of at most `limit` bytes (whole characters):
/// surrogate pairs joined, lone ones and invalid bytes replaced by U+FFFD, an unfinished last
/// character of a cut text dropped.
StringEnd read_json_string(std::string_view text, std::size_t pos, std::size_t limit,
                           std::string& out);

/// The same, into `scratch` only when it does not stand in `text` as it is meant; otherwise a view
/// into that.
std::string_view view_json_string(std::string_view text, std::size_t pos, std::size_t limit,
                                  std::string& scratch, StringEnd& end);

/// Cuts `text` to `limit` bytes at a character boundary and replaces what is not UTF-8.
void make_valid_utf8(std::string& text, std::size_t limit);

/// The first at most `limit` bytes of `text`, which is valid UTF-8, up to a character boundary.
std::string_view utf8_prefix(std::string_view text, std::size_t limit);
void cut_utf8(std::string& text, std::size_t limit);

/// A number of at most 15 digits without fraction and exponent, as nearly all are.
std::optional<std::int64_t> small_integer(std::string_view word);

/// Notices where a JSON document ends, fed in pieces of any size. Counts brackets only: whether
/// they match is the reader's business. A text that opens no object or array never ends.
class JsonEnd {
 public:
  /// Bytes of `piece` up to and with the document's last one; npos while it goes on.
  std::size_t feed(std::string_view piece);
  void reset() { *this = JsonEnd{}; }
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

 private:
  std::size_t pass_structure(std::string_view piece, std::size_t pos);

  enum class State : std::uint8_t { kBefore, kInside, kString, kEscape, kNotJson };
  State state_ = State::kBefore;
  std::uint32_t depth_ = 0;
};

}  // namespace probewall
