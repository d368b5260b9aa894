// SPDX-License-Identifier: Apache-2.0
// Bytes of one direction of an HTTP/2 connection, headers compressed by libnghttp2 as a peer would.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/http2_frames.hpp"

namespace probewall::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  const auto n = payload.size();
  std::string s;
  for (const auto v : {n >> 16, n >> 8, n}) s += static_cast<char>(v);
  s += static_cast<char>(type);
  s += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) s += static_cast<char>(stream >> shift);
  return s + std::string{payload};
}

/// Joins what is made from left to right: the operands of + may be made in any order, and each
/// header block changes the encoder's table.
inline std::string in_order(std::initializer_list<std::string> parts) {
  std::string s;
  for (const std::string& part : parts) s += part;
  return s;
}

class Http2Bytes {
 public:
  static constexpr std::uint8_t kEndStream = frame_flag::kEndStream;

  explicit Http2Bytes(std::size_t table = 4096) { nghttp2_hd_deflate_new(&deflater_, table); }
  ~Http2Bytes() { nghttp2_hd_deflate_del(deflater_); }
  Http2Bytes(const Http2Bytes&) = delete;
  Http2Bytes& operator=(const Http2Bytes&) = delete;

  static std::string preface() {
    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(FrameType::kSettings, 0, 0, {});
  }
  /// A header block; changes the table as sending it does.
  std::string block(const Fields& fields, bool index = true) {
    std::vector<nghttp2_nv> nv;
    for (const auto& [name, value] : fields) {
      nv.push_back(
          {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
           reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
           value.size(),
           static_cast<std::uint8_t>(index ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX)});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_, nv.data(), nv.size()), '\0');
    const auto n = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(out.data()),
                                         out.size(), nv.data(), nv.size());
    out.resize(static_cast<std::size_t>(n));
    return out;
  }
  std::string headers(std::uint32_t stream, const Fields& fields, std::uint8_t flags) {
    return frame(FrameType::kHeaders, flags | frame_flag::kEndHeaders, stream, block(fields));
  }
  void set_table(std::size_t size) { nghttp2_hd_deflate_change_table_size(deflater_, size); }

  static Fields get_fields(std::string_view path) {
    return {{":method", "GET"},
            {":scheme", "http"},
            {":path", std::string{path}},
            {":authority", "gpu.example:8000"},
            {"user-agent", "tester/1"}};
  }
  static Fields post_fields(std::string_view path) {
    Fields f = get_fields(path);
    f[0].second = "POST";
    f.emplace_back("content-type", "application/json");
    return f;
  }
  std::string get(std::uint32_t stream, std::string_view path) {
    return headers(stream, get_fields(path), kEndStream);
  }
  std::string post(std::uint32_t stream, std::string_view body,
                   std::string_view path = "/v1/chat/completions") {
    return headers(stream, post_fields(path), 0) + data(stream, body);
  }
  static std::string data(std::uint32_t stream, std::string_view bytes,
                          std::uint8_t flags = kEndStream) {
    return frame(FrameType::kData, flags, stream, bytes);
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

}  // namespace probewall::testing
