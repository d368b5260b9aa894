// SPDX-License-Identifier: Apache-2.0
// Frames and capture files as values, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probewall/bytes.hpp"
#include "probewall/ip.hpp"

namespace probewall::testing {

inline void put16(std::string& s, unsigned v) {
  s += static_cast<char>(v >> 8);
  s += static_cast<char>(v);
}
inline void put32(std::string& s, std::uint32_t v) {
  put16(s, v >> 16);
  put16(s, v & 0xffff);
}

/// One TCP segment; everything a test may want to set, with defaults that parse.
struct Segment {
  std::string src = "198.51.100.7", dst = "192.0.2.1";
  std::uint16_t src_port = 40000, dst_port = 8000;
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = 0x10;
  std::string payload;

  std::string vlan;        ///< tags, each 4 bytes: ethertype of the tag and its TCI
  std::string ip_options;  ///< IPv4, multiple of 4 bytes
  std::string extensions;  ///< IPv6 extension headers, ready made
  std::uint8_t first_extension = 6;
  std::uint16_t ipv4_fragment = 0;
  int doff = -1;  ///< 32-bit words; -1: what the options need
  std::string tcp_options;
  int length_field = -1;  ///< IPv4 total or IPv6 payload length; -1: the true one
  std::string trailer;    ///< Ethernet padding
};

inline std::string tcp_bytes(const Segment& s) {
  std::string t;
  put16(t, s.src_port);
  put16(t, s.dst_port);
  put32(t, s.seq);
  put32(t, s.ack);
  const unsigned words = s.doff >= 0 ? static_cast<unsigned>(s.doff)
                                     : 5 + static_cast<unsigned>(s.tcp_options.size()) / 4;
  t += static_cast<char>(words << 4);
  t += static_cast<char>(s.flags);
  put16(t, 64240);
  put32(t, 0);  // checksum and urgent pointer: nobody looks
  return t + s.tcp_options + s.payload;
}

/// Without the link header.
inline std::string ip_bytes(const Segment& s) {
  const IpAddress src = *IpAddress::parse(s.src), dst = *IpAddress::parse(s.dst);
  const std::string tcp = tcp_bytes(s);
  std::string p;
  if (src.is_v4()) {
    const std::size_t header = 20 + s.ip_options.size();
    p += static_cast<char>(0x40 | header / 4);
    p += '\0';
    put16(p, s.length_field >= 0 ? static_cast<unsigned>(s.length_field)
                                 : static_cast<unsigned>(header + tcp.size()));
    put16(p, 1);
    put16(p, s.ipv4_fragment);
    p += std::string("\x40\x06\0\0", 4);
    put32(p, src.v4_host_order());
    put32(p, dst.v4_host_order());
    p += s.ip_options;
  } else {
    put32(p, 6u << 28);
    put16(p, s.length_field >= 0 ? static_cast<unsigned>(s.length_field)
                                 : static_cast<unsigned>(s.extensions.size() + tcp.size()));
    p += static_cast<char>(s.first_extension);
    p += '\x40';
    p.append(reinterpret_cast<const char*>(src.bytes.data()), 16);
    p.append(reinterpret_cast<const char*>(dst.bytes.data()), 16);
    p += s.extensions;
  }
  return p + tcp;
}

inline std::string ethernet_frame(const Segment& s) {
  std::string f("\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
  f += s.vlan;
  put16(f, IpAddress::parse(s.src)->is_v4() ? 0x0800 : 0x86dd);
  return f + ip_bytes(s) + s.trailer;
}

/// Classic pcap, microseconds, in the byte order of this host.
class PcapText {
 public:
  explicit PcapText(std::uint32_t link_type = 1) {
    put({0xa1b2c3d4u, 0x00040002u, 0, 0, 262144, link_type});
  }
  void add(std::uint64_t time_us, const std::string& frame, std::size_t snap = 262144) {
    const auto kept = static_cast<std::uint32_t>(std::min(frame.size(), snap));
    put({static_cast<std::uint32_t>(time_us / 1'000'000),
         static_cast<std::uint32_t>(time_us % 1'000'000), kept,
         static_cast<std::uint32_t>(frame.size())});
    text.append(frame, 0, kept);
  }
  std::string text;

 private:
  void put(std::initializer_list<std::uint32_t> words) {
    for (const std::uint32_t w : words) {
      text.append(reinterpret_cast<const char*>(&w), sizeof w);
    }
  }
};

}  // namespace probewall::testing
