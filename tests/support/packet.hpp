// SPDX-License-Identifier: Apache-2.0
// Packets as values: `Ethernet() / Vlan{} / Ipv4{...} / Tcp{...} / Payload{"..."}`. build() fills
// in lengths, types and checksums; fields given explicitly are written as they are, so that broken
// packets can be made too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace probewall::test {

using Frame = std::vector<std::uint8_t>;

struct Ethernet {
  std::optional<std::uint16_t> ether_type{};
};
struct Vlan {
  std::uint16_t id = 7;
  std::uint16_t tpid = 0x8100;  ///< type by which the layer before announces this tag
};
struct Ipv4 {
  std::string src = "198.51.100.7";
  std::string dst = "192.0.2.1";
  std::vector<std::uint8_t> options{};  ///< multiple of 4 bytes
  std::uint16_t fragment = 0;           ///< flags and offset field, host order
  std::optional<std::uint8_t> protocol{};
  std::optional<std::uint8_t> version{};
  std::optional<std::uint8_t> ihl{};
  std::optional<std::uint16_t> total_length{};
};
struct Ipv6 {
  std::string src = "2001:db8:1::7";
  std::string dst = "2001:db8:2::1";
  std::optional<std::uint8_t> next_header{};
  std::optional<std::uint8_t> version{};
  std::optional<std::uint16_t> payload_length{};
};
/// Any extension header: hop-by-hop 0, routing 43, destination options 60, AH 51 (in its own
/// units).
struct Ipv6Ext {
  std::uint8_t type = 0;
  std::uint8_t units = 0;  ///< length field; the body is sized by it
  std::optional<std::uint8_t> next_header{};
};
struct Ipv6Fragment {
  std::uint16_t offset = 0;  ///< in 8-byte units
  bool more = false;
  std::optional<std::uint8_t> next_header{};
};

inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10;

struct Tcp {
  std::uint16_t sport = 40000;
  std::uint16_t dport = 11434;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = kAck;
  std::vector<std::uint8_t> options{};  ///< multiple of 4 bytes
  std::optional<std::uint8_t> doff{};
};
struct Udp {
  std::uint16_t sport = 40000;
  std::uint16_t dport = 53;
};
/// Plain bytes: payload, or anything else.
struct Payload {
  std::string bytes;
};

using Layer = std::variant<Ethernet, Vlan, Ipv4, Ipv6, Ipv6Ext, Ipv6Fragment, Tcp, Udp, Payload>;

class Packet {
 public:
  explicit Packet(Layer first) : layers_{std::move(first)} {}
  Packet& add(Layer layer) {
    layers_.push_back(std::move(layer));
    return *this;
  }
  Frame build() const;
  /// Zero bytes up to `size` after the packet's own end, as Ethernet pads short frames.
  Frame build_padded(std::size_t size) const;

 private:
  std::vector<Layer> layers_;
};

inline Packet operator/(const Ethernet& first, Layer next) {
  return Packet{first}.add(std::move(next));
}
inline Packet operator/(Packet packet, Layer next) { return packet.add(std::move(next)); }

}  // namespace probewall::test
