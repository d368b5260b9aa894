// SPDX-License-Identifier: Apache-2.0
// Finds the end of one request head in bytes that may arrive in any pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace probewall {

enum class HeadStatus : std::uint8_t { kNeedMore, kOk, kInvalid };

/// Looks for the blank line that ends an HTTP/1.x request head (RFC 9112, section 2.1), bare LF
/// included, and refuses early what cannot become a request line that any of Go, cpp-httplib,
/// llhttp or h11 accepts. It remembers where it stopped: the cost over all calls is linear in the
/// bytes of the head, however they trickle in.
class HeadScanner {
 public:
  /// `bytes` begins with the first byte of the method and is the text of the last call plus more.
  /// kOk and kInvalid are final until reset().
  HeadStatus scan(std::string_view bytes);
  /// Size of the head with its blank line; meaningful after kOk.
  std::size_t head_size() const { return pos_; }
  /// The method, the space after it and a first byte of the target were seen.
  bool has_target() const { return phase_ >= Phase::kTarget; }
  void reset() { *this = HeadScanner{}; }

 private:
  enum class Phase : std::uint8_t { kMethod, kSpace, kTarget, kLines, kDone, kBad };
  Phase phase_ = Phase::kMethod;
  std::size_t pos_ = 0;         ///< next byte to look at
  std::size_t line_start_ = 0;  ///< first byte of the line `pos_` is in
};

/// The request line of a head, without its line end. Valid lines have a method of token characters,
/// a target, and either a version or a target that begins like a path, "*" or a URL.
struct RequestLine {
  std::string_view method;
  std::string_view target;
  int version_major = 0;
  int version_minor = 9;
  bool valid = false;
  bool odd = false;  ///< not METHOD SP target SP HTTP/1.x
};
RequestLine split_request_line(std::string_view line);

/// Whether a segment looks like the beginning of a request: method, space, and a target that begins
/// like one. Used only where the stream has no anchor, so it asks for more than the scanner does.
bool looks_like_request_start(std::string_view bytes);

/// Characters that RFC 9110 allows in a method.
bool is_token_char(unsigned char c);

}  // namespace probewall
