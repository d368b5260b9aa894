// SPDX-License-Identifier: Apache-2.0
#include "core/decode/packet.hpp"

#include <algorithm>
#include <cstring>

namespace probewall {
namespace {

constexpr std::uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86dd;
constexpr std::uint16_t kEtherVlan = 0x8100, kEtherQinq = 0x88a8;
constexpr std::uint8_t kProtoTcp = 6;
constexpr std::uint8_t kExtHopByHop = 0, kExtRouting = 43, kExtFragment = 44, kExtAuth = 51,
                       kExtDestination = 60, kExtMobility = 135;

/// Reads on from a position; every read is checked against the end first.
class Cursor {
 public:
  explicit Cursor(ByteSpan bytes) : bytes_(bytes) {}
  bool has(std::size_t n) const { return bytes_.size() - at_ >= n; }
  std::size_t left() const { return bytes_.size() - at_; }
  std::size_t at() const { return at_; }
  void skip(std::size_t n) { at_ += std::min(n, left()); }
  const std::uint8_t* here() const {
    return reinterpret_cast<const std::uint8_t*>(bytes_.data()) + at_;
  }
  ByteSpan rest() const { return bytes_.subspan(at_); }

 private:
  ByteSpan bytes_;
  std::size_t at_ = 0;
};

std::uint16_t be16(const std::uint8_t* p) { return static_cast<std::uint16_t>(p[0] << 8 | p[1]); }
std::uint32_t be32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

void malformed(PacketView& v, pw_parse_error layer) {
  v.kind = PacketKind::kMalformed;
  v.error = layer;
}

/// `tcp_len`: TCP header and payload by the IP header, which may be more than the frame holds when
/// a snap length cut it.
void parse_tcp(Cursor c, std::uint32_t tcp_len, PacketView& v) {
  if (tcp_len < 20 || !c.has(20)) return malformed(v, PW_PARSE_TCP);
  const std::uint8_t* p = c.here();
  // doff counts 32-bit words (RFC 9293, 3.1); under 5 would put the payload inside this header.
  const std::uint32_t header = (p[12] >> 4) * 4u;
  if (header < 20 || header > tcp_len) return malformed(v, PW_PARSE_TCP);
  v.kind = PacketKind::kTcp;
  v.src_port = be16(p);
  v.dst_port = be16(p + 2);
  v.seq = be32(p + 4);
  v.ack = be32(p + 8);
  v.flags = p[13];
  v.payload_len = tcp_len - header;
  c.skip(header);
  v.payload = c.rest().first(std::min<std::size_t>(c.left(), v.payload_len));
}

/// A BIG TCP super-packet or jumbogram is longer than the length field can say and has 0 there.
bool length_field_too_small(std::uint32_t on_wire, const FrameInfo& info) {
  return on_wire > 65535 || info.zero_length_is_offload;
}

/// `on_wire`: bytes from the IP header to the end of the frame as it was sent.
void parse_ipv4(Cursor c, std::uint32_t on_wire, const FrameInfo& info, PacketView& v) {
  if (!c.has(20)) return malformed(v, PW_PARSE_IP);
  const std::uint8_t* p = c.here();
  const std::uint32_t header = (p[0] & 0xf) * 4u;
  std::uint32_t total = be16(p + 2);
  if (total == 0 && length_field_too_small(on_wire, info)) total = on_wire;
  if (p[0] >> 4 != 4 || header < 20 || total < header || total > on_wire) {
    return malformed(v, PW_PARSE_IP);
  }
  v.family = PW_FAMILY_IPV4;
  v.src = IpAddress::from_v4(be32(p + 12));
  v.dst = IpAddress::from_v4(be32(p + 16));
  const std::uint16_t fragment = be16(p + 6);
  const bool is_tcp = p[9] == kProtoTcp;
  v.tcp_fragment = is_tcp && (fragment & 0x3fff) != 0;  // more fragments, or an offset
  if ((fragment & 0x1fff) != 0) {
    v.kind = PacketKind::kFragment;
    return;
  }
  v.kind = PacketKind::kNotTcp;
  if (!is_tcp) return;
  c.skip(header);
  parse_tcp(c, total - header, v);
}

bool is_extension(std::uint8_t next) {
  return next == kExtHopByHop || next == kExtRouting || next == kExtFragment || next == kExtAuth ||
         next == kExtDestination || next == kExtMobility;
}

void parse_ipv6(Cursor c, std::uint32_t on_wire, const FrameInfo& info, PacketView& v) {
  if (!c.has(40)) return malformed(v, PW_PARSE_IP);
  const std::uint8_t* p = c.here();
  std::uint32_t left = be16(p + 4);  // bytes behind the fixed header
  if (left == 0 && length_field_too_small(on_wire, info)) left = on_wire - 40;
  if (p[0] >> 4 != 6 || left > on_wire - 40) return malformed(v, PW_PARSE_IP);
  v.family = PW_FAMILY_IPV6;
  std::memcpy(v.src.bytes.data(), p + 8, 16);
  std::memcpy(v.dst.bytes.data(), p + 24, 16);
  std::uint8_t next = p[6];
  c.skip(40);
  bool fragmented = false;
  for (unsigned i = 0; is_extension(next); ++i) {
    if (i == kMaxExtensionHeaders || left < 8 || !c.has(8))
      return malformed(v, PW_PARSE_EXT_HEADER);
    const std::uint8_t* e = c.here();
    std::uint32_t size = (e[1] + 1u) * 8;
    if (next == kExtFragment) {
      size = 8;
      fragmented = (be16(e + 2) & 0xfff9) != 0;  // an offset, or more fragments
      if ((be16(e + 2) & 0xfff8) != 0) {
        v.kind = PacketKind::kFragment;
        v.tcp_fragment = e[0] == kProtoTcp;
        return;
      }
    } else if (next == kExtAuth) {
      size = (e[1] + 2u) * 4;  // RFC 4302: counts 32-bit words, minus 2
    }
    next = e[0];
    left -=
        std::min(size, left);  // a header longer than the packet leaves nothing for what follows
    c.skip(size);
  }
  v.kind = PacketKind::kNotTcp;
  if (next != kProtoTcp) return;
  v.tcp_fragment = fragmented;
  parse_tcp(c, left, v);
}

void parse_ip(Cursor c, std::uint16_t ethertype, const FrameInfo& info, PacketView& v) {
  const std::uint32_t on_wire = info.wire_len - static_cast<std::uint32_t>(c.at());
  if (ethertype == kEtherIpv4) return parse_ipv4(c, on_wire, info, v);
  if (ethertype == kEtherIpv6) return parse_ipv6(c, on_wire, info, v);
  v.kind = PacketKind::kNotIp;
}

/// `ethertype` as the link header gave it, the cursor behind that header.
void parse_vlan(Cursor c, std::uint16_t ethertype, const FrameInfo& info, PacketView& v) {
  for (unsigned i = 0; ethertype == kEtherVlan || ethertype == kEtherQinq; ++i) {
    if (i == kMaxVlanTags || !c.has(4)) return malformed(v, PW_PARSE_VLAN);
    ethertype = be16(c.here() + 2);
    c.skip(4);
  }
  parse_ip(c, ethertype, info, v);
}

/// BSD loopback: the address family's number depends on the system that captured.
std::uint16_t ethertype_of_family(const std::uint8_t* p) {
  std::uint32_t family = 0;
  std::memcpy(&family, p, 4);
  if (family > 0xffff) family = __builtin_bswap32(family);
  if (family == 2) return kEtherIpv4;
  return family == 10 || family == 24 || family == 28 || family == 30 ? kEtherIpv6 : 0;
}

}  // namespace

[[gnu::flatten]] PacketView parse_packet(ByteSpan frame, const FrameInfo& given) {
  PacketView v;
  FrameInfo info = given;
  info.wire_len = std::max(info.wire_len, static_cast<std::uint32_t>(frame.size()));
  v.frame_len = info.wire_len;
  Cursor c{frame};
  static constexpr std::size_t kHeader[] = {14, 1, 16, 20, 4};
  if (!c.has(kHeader[static_cast<std::size_t>(info.link)])) {
    malformed(v, PW_PARSE_ETH);
    return v;
  }
  const std::uint8_t* p = c.here();
  switch (info.link) {
    case LinkType::kEthernet:
      c.skip(14);
      parse_vlan(c, be16(p + 12), info, v);
      break;
    case LinkType::kRawIp:
      parse_ip(c, p[0] >> 4 == 4 ? kEtherIpv4 : p[0] >> 4 == 6 ? kEtherIpv6 : 0, info, v);
      break;
    case LinkType::kLinuxSll:
      c.skip(16);
      parse_vlan(c, be16(p + 14), info, v);
      break;
    case LinkType::kLinuxSll2:
      c.skip(20);
      parse_vlan(c, be16(p), info, v);
      break;
    case LinkType::kNull:
      c.skip(4);
      parse_ip(c, ethertype_of_family(p), info, v);
      break;
  }
  return v;
}

}  // namespace probewall
