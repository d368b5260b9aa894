// SPDX-License-Identifier: Apache-2.0
// The head of one request, of HTTP/1.x or HTTP/2, as owned values that outlive the captured bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/header_list.hpp"

namespace probewall {

/// How the request shows who it is. The key itself never leaves the parser, only its keyed hash.
enum class AuthKind : std::uint8_t { kNone, kBearer, kOther };

/// What a head says in numbers and flags.
struct HeadFacts {
  int version_major = 1;
  int version_minor = 1;
  std::optional<std::uint64_t> content_length;  ///< only when exactly one valid value was sent
  bool content_length_invalid = false;          ///< several different ones, or not a number
  bool content_length_repeated = false;         ///< sent more than once, in one or more headers
  bool chunked = false;                         ///< Transfer-Encoding names chunked last
  bool transfer_encoding = false;               ///< any Transfer-Encoding header
  bool expect_continue = false;
  bool connection_close = false;  ///< "close" sent, or HTTP/1.0 without keep-alive
  bool upgrade = false;
  bool odd = false;  ///< needed leniency: bare LF, space before colon, folding, NUL, version...
  bool well_known_key = false;  ///< the key stands in manuals: see well_known_keys.hpp
  bool session_key = false;     ///< the key is a cookie, or added by a proxy: it changes by itself
  bool origin = false;          ///< a browser says from which page the request comes (CORS)
  AuthKind auth = AuthKind::kNone;
};

struct RequestHead : HeadFacts {
  std::string method;
  std::string target;     ///< as sent, with the query; values of key-like parameters are removed
  std::string path;       ///< target without query, without "scheme://host"
  HeaderList headers;     ///< in order of arrival; keys and cookies without their values
  std::string auth_hash;  ///< 16 hex digits of a keyed hash; empty without key

  /// As a fresh one, but for the memory its texts have.
  void clear();
  /// First header with this name, compared without case; empty view when absent.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  std::string_view host() const { return header("host"); }
  std::string_view user_agent() const { return header("user-agent"); }
};

}  // namespace probewall
