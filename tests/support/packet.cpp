// SPDX-License-Identifier: Apache-2.0
#include "support/packet.hpp"

#include <arpa/inet.h>

#include <cstring>

namespace probewall::test {
namespace {

void put16(Frame& out, std::uint16_t v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}
void put32(Frame& out, std::uint32_t v) {
  put16(out, static_cast<std::uint16_t>(v >> 16));
  put16(out, static_cast<std::uint16_t>(v));
}
void append(Frame& out, const Frame& more) { out.insert(out.end(), more.begin(), more.end()); }

Frame address(int family, const std::string& text) {
  Frame out(family == AF_INET ? 4 : 16);
  if (inet_pton(family, text.c_str(), out.data()) != 1) std::abort();  // a typo in a test
  return out;
}

std::uint32_t sum16(const Frame& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += bytes[i] << (i % 2 == 0 ? 8 : 0);
  return sum;
}
std::uint16_t fold(std::uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// EtherType by which the layer before announces `next`.
std::uint16_t ether_type_of(const Layer* next) {
  if (next == nullptr) return 0x88b5;  // local experimental
  if (const auto* vlan = std::get_if<Vlan>(next)) return vlan->tpid;
  if (std::holds_alternative<Ipv4>(*next)) return 0x0800;
  if (std::holds_alternative<Ipv6>(*next)) return 0x86dd;
  return 0x88b5;
}
/// IP protocol number of `next`.
std::uint8_t protocol_of(const Layer* next) {
  if (next == nullptr) return 59;
  if (std::holds_alternative<Tcp>(*next)) return 6;
  if (std::holds_alternative<Udp>(*next)) return 17;
  if (const auto* ext = std::get_if<Ipv6Ext>(next)) return ext->type;
  if (std::holds_alternative<Ipv6Fragment>(*next)) return 44;
  return 59;
}

/// Writes one layer in front of `rest`. `addresses`: of the IP layer around it, for checksums.
struct Writer {
  const Layer* next;
  const Frame& rest;
  const Frame& addresses;

  Frame operator()(const Ethernet& l) const {
    Frame out{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    put16(out, l.ether_type.value_or(ether_type_of(next)));
    return out;
  }
  Frame operator()(const Vlan& l) const {
    Frame out;
    put16(out, l.id);
    put16(out, ether_type_of(next));
    return out;
  }
  Frame operator()(const Ipv4& l) const {
    const auto header_len = static_cast<std::uint16_t>(20 + l.options.size());
    Frame out{
        static_cast<std::uint8_t>(l.version.value_or(4) << 4 | l.ihl.value_or(header_len / 4)), 0};
    put16(out, l.total_length.value_or(static_cast<std::uint16_t>(header_len + rest.size())));
    put16(out, 1);
    put16(out, l.fragment);
    out.push_back(64);
    out.push_back(l.protocol.value_or(protocol_of(next)));
    put16(out, 0);
    append(out, addresses);
    append(out, l.options);
    const std::uint16_t checksum = fold(sum16(out));
    out[10] = static_cast<std::uint8_t>(checksum >> 8);
    out[11] = static_cast<std::uint8_t>(checksum);
    return out;
  }
  Frame operator()(const Ipv6& l) const {
    Frame out{static_cast<std::uint8_t>(l.version.value_or(6) << 4), 0, 0, 0};
    put16(out, l.payload_length.value_or(static_cast<std::uint16_t>(rest.size())));
    out.push_back(l.next_header.value_or(protocol_of(next)));
    out.push_back(64);
    append(out, addresses);
    return out;
  }
  Frame operator()(const Ipv6Ext& l) const {
    Frame out{l.next_header.value_or(protocol_of(next)), l.units};
    out.resize(l.type == 51 ? (l.units + 2u) * 4 : (l.units + 1u) * 8);
    return out;
  }
  Frame operator()(const Ipv6Fragment& l) const {
    Frame out{l.next_header.value_or(protocol_of(next)), 0};
    put16(out, static_cast<std::uint16_t>(l.offset << 3 | (l.more ? 1 : 0)));
    put32(out, 99);
    return out;
  }
  Frame operator()(const Tcp& l) const {
    Frame out;
    put16(out, l.sport);
    put16(out, l.dport);
    put32(out, l.seq);
    put32(out, l.ack);
    out.push_back(static_cast<std::uint8_t>(l.doff.value_or((20 + l.options.size()) / 4) << 4));
    out.push_back(l.flags);
    put16(out, 64000);
    put32(out, 0);
    append(out, l.options);
    set_checksum(out, 16, 6);
    return out;
  }
  Frame operator()(const Udp& l) const {
    Frame out;
    put16(out, l.sport);
    put16(out, l.dport);
    put16(out, static_cast<std::uint16_t>(8 + rest.size()));
    put16(out, 0);
    set_checksum(out, 6, 17);
    return out;
  }
  Frame operator()(const Payload& l) const { return {l.bytes.begin(), l.bytes.end()}; }

  void set_checksum(Frame& header, std::size_t at, std::uint8_t protocol) const {
    const auto size = static_cast<std::uint32_t>(header.size() + rest.size());
    const std::uint16_t checksum = fold(sum16(header) + sum16(rest) + sum16(addresses) + protocol +
                                        (size >> 16) + (size & 0xffff));
    header[at] = static_cast<std::uint8_t>(checksum >> 8);
    header[at + 1] = static_cast<std::uint8_t>(checksum);
  }
};

Frame addresses_of(const Layer& layer) {
  Frame out;
  if (const auto* v4 = std::get_if<Ipv4>(&layer)) {
    out = address(AF_INET, v4->src);
    append(out, address(AF_INET, v4->dst));
  } else if (const auto* v6 = std::get_if<Ipv6>(&layer)) {
    out = address(AF_INET6, v6->src);
    append(out, address(AF_INET6, v6->dst));
  }
  return out;
}

}  // namespace

Frame Packet::build() const {
  Frame addresses;
  for (const auto& layer : layers_) {
    if (Frame found = addresses_of(layer); !found.empty()) addresses = std::move(found);
  }
  Frame rest;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer* next = i + 1 < layers_.size() ? &layers_[i + 1] : nullptr;
    Frame out = std::visit(Writer{next, rest, addresses}, layers_[i]);
    append(out, rest);
    rest = std::move(out);
  }
  return rest;
}

Frame Packet::build_padded(std::size_t size) const {
  Frame out = build();
  if (out.size() < size) out.resize(size);
  return out;
}

}  // namespace probewall::test
