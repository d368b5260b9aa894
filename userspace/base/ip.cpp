// SPDX-License-Identifier: Apache-2.0
#include "probewall/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace probewall {
namespace {

/// Prefix length in the 128-bit mapped space.
unsigned mapped_length(const IpPrefix& p) { return p.is_v4() ? p.length + 96u : p.length; }

bool same_leading_bits(const IpAddress& a, const IpAddress& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return (a.bytes[whole] & mask) == (b.bytes[whole] & mask);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string z{text};  // inet_pton wants a terminated string
  in_addr v4{};
  if (inet_pton(AF_INET, z.c_str(), &v4) == 1) return from_v4(ntohl(v4.s_addr));
  IpAddress a;
  if (inet_pton(AF_INET6, z.c_str(), a.bytes.data()) == 1) return a;
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

IpPrefix IpPrefix::of(const IpAddress& address, unsigned length) {
  IpPrefix p{address, static_cast<std::uint8_t>(std::min(length, address.is_v4() ? 32u : 128u))};
  const unsigned bits = mapped_length(p);
  if (bits == 128) return p;
  auto words = address.words();
  const auto mask = [](unsigned n) { return n == 0 ? 0 : ~std::uint64_t{0} << (64 - n); };
  words[0] &= IpAddress::network_order(mask(std::min(bits, 64u)));
  words[1] &= IpAddress::network_order(mask(bits > 64 ? bits - 64 : 0));
  p.address = IpAddress::of_words(words);
  return p;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned width = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return of(*address, width);
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (ec != std::errc{} || end != digits.data() + digits.size() || length > width) {
    return std::nullopt;
  }
  return of(*address, length);
}

bool IpPrefix::contains(const IpAddress& a) const {
  return a.is_v4() == is_v4() && same_leading_bits(address, a, mapped_length(*this));
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return other.length >= length && contains(other.address);
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  return contains(other) || other.contains(*this);
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

FlowKey FlowKey::from_abi(const pw_flow_key& k) {
  return {IpAddress::from_abi(k.client), IpAddress::from_abi(k.server), ntohs(k.client_port),
          ntohs(k.server_port)};
}

pw_flow_key FlowKey::to_abi() const {
  pw_flow_key k{};
  k.client = client.to_abi();
  k.server = server.to_abi();
  k.client_port = htons(client_port);
  k.server_port = htons(server_port);
  k.family = client.is_v4() ? PW_FAMILY_IPV4 : PW_FAMILY_IPV6;
  return k;
}

}  // namespace probewall
