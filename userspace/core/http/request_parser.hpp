// SPDX-License-Identifier: Apache-2.0
// Text of a request head -> RequestHead, and what it says about the body's framing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/http/key_hash.hpp"
#include "core/http/request_head.hpp"

namespace probewall {

/// Headers kept; later ones still count for framing and authentication.
inline constexpr std::size_t kMaxHeaders = 256;

/// Parses a head as the most lenient of the servers we stand before would (RFC 9112; bare LF, white
/// space before the colon, folded lines, unknown methods and versions, raw bytes in the target).
/// `text` begins at the method; with its blank line it is a whole head, without it what was seen of
/// one: an unfinished last line is read as far as it goes. Keys are replaced by hashes under
/// `secret`. An unusable request line gives an empty method. Cost is linear in `text`.
void parse_request_head(std::string_view text, const HashSecret& secret, RequestHead& out);
RequestHead parse_request_head(std::string_view text, const HashSecret& secret);

/// The same from the fields of one HTTP/2 request, pseudo-headers included, in order of arrival:
/// ":authority" becomes the header "host" where it stood. Without method or path, or with what no
/// server lets through (upper case, pseudo-headers late or twice, line ends), `odd` is set. Fields
/// that are missing because the list was cut are no error.
void head_of_fields(const std::vector<Header>& fields, const HashSecret& secret, RequestHead& out);

/// How a request's body is delimited (RFC 9112, section 6.3).
struct BodyFraming {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  ///< with kLength
  bool may_skip = false;     ///< exactly one valid Content-Length and no Transfer-Encoding
};
/// With contradictory headers: what a lenient server would do.
BodyFraming body_framing(const RequestHead& head);

}  // namespace probewall
