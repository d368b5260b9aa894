// SPDX-License-Identifier: Apache-2.0
#include "cli/session_http2.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/http/http2_frames.hpp"
#include "core/http/text.hpp"

namespace probewall::cli {
namespace {

constexpr std::size_t kMaxFrame = 16384;

std::string frame(FrameType type, unsigned flags, std::uint32_t stream, std::string_view payload) {
  const auto n = static_cast<std::uint32_t>(payload.size());
  std::string out;
  for (const std::uint32_t byte :
       {n >> 16, n >> 8, n, static_cast<std::uint32_t>(type), static_cast<std::uint32_t>(flags),
        stream >> 24, stream >> 16, stream >> 8, stream}) {
    out += static_cast<char>(byte & 0xff);
  }
  return out.append(payload);
}

/// An HPACK string, not compressed (RFC 7541, section 5.2).
void add_string(std::string_view text, std::string& block) {
  constexpr std::size_t kPrefix = 127;
  std::size_t n = text.size();
  if (n < kPrefix) {
    block += static_cast<char>(n);
  } else {
    block += static_cast<char>(kPrefix);
    for (n -= kPrefix; n >= 128; n >>= 7) block += static_cast<char>(0x80 | (n & 0x7f));
    block += static_cast<char>(n);
  }
  block.append(text);
}

/// A field that is not put into the table.
void add_field(std::string_view name, std::string_view value, std::string& block) {
  block += '\0';
  std::string lower{name};
  std::transform(lower.begin(), lower.end(), lower.begin(), ascii_lower);
  add_string(lower, block);
  add_string(value, block);
}

struct Parts {
  std::string_view first;  ///< the line that begins it
  std::string_view fields, body;
};

Parts parts_of(std::string_view http1) {
  const auto line = std::min(http1.find("\r\n"), http1.size());
  const auto end = std::min(http1.find("\r\n\r\n"), http1.size());
  Parts parts{http1.substr(0, line), {}, {}};
  if (end > line) parts.fields = http1.substr(line + 2, end - line);
  parts.body = http1.substr(std::min(end + 4, http1.size()));
  return parts;
}

/// Calls `each(name, value)`.
template <typename Each>
void for_fields(std::string_view fields, Each each) {
  while (!fields.empty()) {
    const auto end = std::min(fields.find("\r\n"), fields.size());
    const auto line = fields.substr(0, end);
    fields.remove_prefix(std::min(end + 2, fields.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    each(line.substr(0, colon), value);
  }
}

/// Of a connection of HTTP/1: they have no place in HTTP/2.
bool is_of_http1(std::string_view name) {
  constexpr std::array kNames{"connection", "transfer-encoding", "upgrade", "keep-alive", "host"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view one) { return equals_lower(name, one); });
}

std::string stream(std::string block, const Parts& parts) {
  for_fields(parts.fields, [&](std::string_view name, std::string_view value) {
    if (!is_of_http1(name)) add_field(name, value, block);
  });
  const unsigned last = parts.body.empty() ? frame_flag::kEndStream : 0;
  std::string out;
  for (std::size_t at = 0; at == 0 || at < block.size(); at += kMaxFrame) {
    const bool end = at + kMaxFrame >= block.size();
    out += frame(at == 0 ? FrameType::kHeaders : FrameType::kContinuation,
                 (end ? frame_flag::kEndHeaders : 0) | (at == 0 ? last : 0), 1,
                 std::string_view{block}.substr(at, kMaxFrame));
  }
  for (std::size_t at = 0; at < parts.body.size(); at += kMaxFrame) {
    const bool end = at + kMaxFrame >= parts.body.size();
    out += frame(FrameType::kData, end ? frame_flag::kEndStream : 0, 1,
                 parts.body.substr(at, kMaxFrame));
  }
  return out;
}

}  // namespace

std::string http2_request(std::string_view http1) {
  const Parts parts = parts_of(http1);
  const auto method = std::min(parts.first.find(' '), parts.first.size());
  const auto version = std::max(std::min(parts.first.rfind(' '), parts.first.size()), method);
  const auto target =
      version > method ? parts.first.substr(method + 1, version - method - 1) : std::string_view{};
  std::string block;
  add_field(":method", parts.first.substr(0, method), block);
  add_field(":scheme", "http", block);
  add_field(":path", target, block);
  for_fields(parts.fields, [&](std::string_view name, std::string_view value) {
    if (equals_lower(name, "host")) add_field(":authority", value, block);
  });
  return "PRI * HTTP/2.0\r\n\r\n" + std::string{kHttp2PrefaceEnd} +
         frame(FrameType::kSettings, 0, 0, {}) + stream(std::move(block), parts);
}

std::string http2_answer(std::string_view http1) {
  const Parts parts = parts_of(http1);
  const auto status = std::min(parts.first.find(' ') + 1, parts.first.size());
  std::string block;
  add_field(":status", parts.first.substr(status, 3), block);
  return frame(FrameType::kSettings, 0, 0, {}) + stream(std::move(block), parts);
}

}  // namespace probewall::cli
