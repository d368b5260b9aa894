// SPDX-License-Identifier: Apache-2.0
#include "core/flow/answer_text.hpp"

#include <algorithm>

#include "core/http/chunk_decoder.hpp"
#include "core/http/text.hpp"

namespace probewall {
namespace {

constexpr std::size_t kEnough = 768;              ///< what the kernel captures of an answer
constexpr std::uint64_t kMaxLength = 1ull << 40;  ///< more is as good as endless

/// Calls `visit(name, value)` for each field line of a head, until it returns false. The status
/// line is none.
template <typename Visit>
void each_field(std::string_view head, Visit visit) {
  for (std::size_t lf = head.find('\n'); lf != std::string_view::npos;) {
    const std::size_t begin = lf + 1;
    lf = head.find('\n', begin);
    const auto line = head.substr(begin, lf == std::string_view::npos ? lf : lf - begin);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto rest = line.substr(colon + 1);
    const auto end = rest.ends_with('\r') ? rest.size() - 1 : rest.size();
    if (!visit(line.substr(0, colon), trim_blank(rest.substr(0, end)))) return;
  }
}

std::uint64_t leading_number(std::string_view digits) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < digits.size() && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    number = std::min(kMaxLength, number * 10 + static_cast<std::uint64_t>(digits[i] - '0'));
  }
  return number;
}

/// How the head says where the body ends: the first field of each name counts.
struct Framing {
  std::optional<bool> chunked;
  std::optional<std::uint64_t> length;
};

Framing framing_of(std::string_view head) {
  Framing out;
  each_field(head, [&](std::string_view name, std::string_view value) {
    if (name.size() == 14 && !out.length && equals_lower(name, "content-length")) {
      out.length = leading_number(value);
    } else if (name.size() == 17 && !out.chunked && equals_lower(name, "transfer-encoding")) {
      out.chunked = contains_lower(value, "chunked");
    }
    return true;
  });
  return out;
}

}  // namespace

int answer_status(std::string_view text) {
  if (text.size() < 12 || text.substr(0, 5) != "HTTP/") return 0;
  const auto space = text.substr(5, 4) == "1.1 " ? 8 : text.find(' ');
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

std::optional<std::string_view> answer_field(std::string_view head, std::string_view name) {
  std::optional<std::string_view> found;
  each_field(head, [&](std::string_view field, std::string_view value) {
    if (!equals_lower(field, name)) return true;
    found = value;
    return false;
  });
  return found;
}

bool looks_like_answer(std::string_view text) {
  constexpr std::string_view kStart = "HTTP/1.";
  const auto n = std::min(text.size(), kStart.size());
  return text.substr(0, n) == kStart.substr(0, n);
}

AnswerSize measure_answer(std::string_view text, bool to_head) {
  AnswerSize size;
  size.head = answer_head_end(text);
  if (size.head == std::string_view::npos) return size;
  const int status = answer_status(text);
  if (status == 101) return size;  // what follows is no HTTP
  if (to_head || status < 200 || status == 204 || status == 304) {
    size.total = size.head;
    return size;
  }
  const Framing framing = framing_of(text.substr(0, size.head));
  if (framing.chunked.value_or(false)) {
    size.chunked = true;
    std::string_view body = text.substr(size.head);
    ChunkDecoder chunks;
    const auto end = chunks.feed(body, [](std::string_view) { return true; });
    if (end == ChunkDecoder::Result::kDone) size.total = text.size() - body.size();
  } else if (framing.length) {
    size.total = size.head + *framing.length;
  }
  return size;
}

bool is_whole_answer(std::string_view text, const AnswerSize& size, bool more) {
  if (text.size() >= kEnough) return true;
  if (size.head == std::string_view::npos) return false;
  if (answer_status(text) == 101) return true;
  if (size.total) return text.size() >= std::min<std::uint64_t>(*size.total, kEnough);
  if (size.chunked && more) return false;
  return size.head < text.size();
}

}  // namespace probewall
