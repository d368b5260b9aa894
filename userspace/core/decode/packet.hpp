// SPDX-License-Identifier: Apache-2.0
// One raw frame -> addresses, ports, sequence numbers and payload: user-space twin of
// bpf/parse.bpf.h, for capture files.
#pragma once

#include <cstdint>

#include "probewall/abi/counters.h"
#include "probewall/bytes.hpp"
#include "probewall/ip.hpp"

namespace probewall {

/// How a frame begins. The kernel programs know kEthernet only; the rest is for capture files.
enum class LinkType : std::uint8_t {
  kEthernet,
  kRawIp,      ///< no link header, version nibble first
  kLinuxSll,   ///< 16-byte "cooked" header
  kLinuxSll2,  ///< 20-byte "cooked" header
  kNull,       ///< 4-byte address family in the byte order of the capturing host
};

enum class PacketKind : std::uint8_t {
  kNotIp,
  kNotTcp,    ///< IP, other transport
  kFragment,  ///< non-first IP fragment: addresses only
  kTcp,
  kMalformed,  ///< `error` says in which layer
};

namespace tcp_flag {
inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10;
}  // namespace tcp_flag

/// Views into the frame it was parsed from and dies with it. Numbers are in host order.
struct PacketView {
  PacketKind kind = PacketKind::kNotIp;
  pw_parse_error error = PW_PARSE_ETH;  ///< with kMalformed
  pw_family family =
      PW_FAMILY_OTHER;        ///< IPV4 or IPV6: `src` and `dst` are valid, kMalformed or not
  bool tcp_fragment = false;  ///< any IP fragment (first or later) that carries TCP
  std::uint8_t flags = 0;     ///< tcp_flag
  std::uint16_t src_port = 0, dst_port = 0;
  std::uint32_t seq = 0, ack = 0;
  std::uint32_t frame_len = 0;    ///< on the wire
  std::uint32_t payload_len = 0;  ///< TCP payload by the IP length; padding excluded
  ByteSpan payload;               ///< what the frame holds of it: shorter when cut by a snap length
  IpAddress src, dst;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

inline constexpr unsigned kMaxVlanTags = 2;
inline constexpr unsigned kMaxExtensionHeaders = 6;

struct FrameInfo {
  LinkType link = LinkType::kEthernet;
  std::uint32_t wire_len = 0;  ///< length on the wire; 0: the whole frame is there
  /// An IP length of 0 means "up to the end of the frame" (captures of segmentation offload). The
  /// kernel programs see such a packet as malformed.
  bool zero_length_is_offload = false;
};

/// Parses one frame: Ethernet with at most two 802.1Q/802.1ad tags, IPv4 with options, IPv6 with at
/// most six extension headers, TCP. Never reads outside `frame`; cost is bounded.
PacketView parse_packet(ByteSpan frame, const FrameInfo& info = {});

}  // namespace probewall
