// SPDX-License-Identifier: Apache-2.0
// Capture files of HTTP conversations with real handshakes, made in the test.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "unit/frame_builder.hpp"

namespace probewall::testing {

inline std::string chat_request(const std::string& model, const std::string& prompt,
                                const std::string& headers = {}) {
  const std::string body = "{\"model\":\"" + model +
                           "\",\"messages\":[{\"role\":\"user\",\"content\":\"" + prompt + "\"}]}";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 192.0.2.1:8000\r\n" + headers +
         "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// A capture file under construction; time goes on by 10 microseconds a packet.
class HttpCapture {
 public:
  explicit HttpCapture(std::size_t mss = 1460) : mss_(mss) {}

  struct Connection {
    Segment base;
    std::uint32_t client_seq = 0, server_seq = 0;
  };

  Connection open(const std::string& src, std::uint16_t src_port, std::uint16_t dst_port = 8000) {
    Connection c;
    c.base.src = src;
    if (src.find(':') != std::string::npos) c.base.dst = "2001:db8:ffff::1";
    c.base.src_port = src_port;
    c.base.dst_port = dst_port;
    c.client_seq = 0xffffff00u + src_port;
    c.server_seq = 77777;
    client(c, {}, 0x02);
    ++c.client_seq;
    server(c, {}, 0x12);
    ++c.server_seq;
    client(c, {}, 0x10);
    return c;
  }
  void send(Connection& c, const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += mss_) {
      const std::string part = bytes.substr(i, mss_);
      client(c, part, 0x18);
      c.client_seq += static_cast<std::uint32_t>(part.size());
    }
  }
  void answer(Connection& c, int status, const std::string& body = "{}") {
    const std::string text =
        "HTTP/1.1 " + std::to_string(status) +
        " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    for (std::size_t i = 0; i < text.size(); i += mss_) {
      const std::string part = text.substr(i, mss_);
      server(c, part, 0x18);
      c.server_seq += static_cast<std::uint32_t>(part.size());
    }
  }
  void close(Connection& c) {
    client(c, {}, 0x11);
    ++c.client_seq;
    server(c, {}, 0x11);
  }
  /// One request in a connection of its own.
  void exchange(const std::string& src, std::uint16_t src_port, const std::string& request,
                int status = 200, std::uint16_t dst_port = 8000) {
    Connection c = open(src, src_port, dst_port);
    send(c, request);
    answer(c, status);
    close(c);
  }
  void wait(std::uint64_t us) { time_us_ += us; }

  void client(const Connection& c, const std::string& payload, std::uint8_t flags) {
    Segment s = c.base;
    s.seq = c.client_seq;
    s.ack = flags & 0x10 ? c.server_seq : 0;
    s.flags = flags;
    s.payload = payload;
    add(s);
  }
  void server(const Connection& c, const std::string& payload, std::uint8_t flags) {
    Segment s = c.base;
    std::swap(s.src, s.dst);
    std::swap(s.src_port, s.dst_port);
    s.seq = c.server_seq;
    s.ack = c.client_seq;
    s.flags = flags;
    s.payload = payload;
    add(s);
  }
  void add(const Segment& s) { pcap.add(time_us_ += 10, ethernet_frame(s)); }

  PcapText pcap;

 private:
  std::size_t mss_;
  std::uint64_t time_us_ = 1'767'052'800'000'000ull;
};

}  // namespace probewall::testing
