// SPDX-License-Identifier: Apache-2.0
#include "core/flow/answer_text.hpp"

#include <algorithm>
#include <optional>

#include "core/http/text.hpp"

namespace probewall {
namespace {

constexpr std::size_t kEnough = 768;  ///< what the kernel captures of an answer

/// The Content-Length of a whole head; nullopt without one. At most kEnough: more is not waited
/// for.
std::optional<std::size_t> declared_body(std::string_view head) {
  constexpr std::string_view kName = "\ncontent-length:";
  const auto at = std::search(head.begin(), head.end(), kName.begin(), kName.end(),
                              [](char a, char b) { return ascii_lower(a) == b; });
  if (at == head.end()) return std::nullopt;
  const auto digits =
      trim_blank(head.substr(static_cast<std::size_t>(at - head.begin()) + kName.size()));
  std::size_t length = 0;
  for (std::size_t i = 0; i < digits.size() && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    length = std::min(kEnough, length * 10 + static_cast<std::size_t>(digits[i] - '0'));
  }
  return length;
}

}  // namespace

int status_of(std::string_view text) {
  if (text.size() < 12 || text.substr(0, 5) != "HTTP/") return 0;
  const auto space = text.find(' ');
  if (space == std::string_view::npos || space + 4 > text.size()) return 0;
  int code = 0;
  for (const char c : text.substr(space + 1, 3)) {
    if (c < '0' || c > '9') return 0;
    code = code * 10 + (c - '0');
  }
  return code >= 100 ? code : 0;
}

std::size_t answer_head_end(std::string_view text) {
  const auto crlf = text.find("\r\n\r\n");
  if (crlf != std::string_view::npos) return crlf + 4;
  const auto lf = text.find("\n\n");
  return lf == std::string_view::npos ? lf : lf + 2;
}

bool is_whole_answer(std::string_view text, int status) {
  if (text.size() >= kEnough) return true;
  const auto body = answer_head_end(text);
  if (body == std::string_view::npos) return false;
  if (status == 204 || status == 304 || status == 101) return true;
  if (const auto length = declared_body(text.substr(0, body))) return text.size() - body >= *length;
  return body < text.size();
}

}  // namespace probewall
