// SPDX-License-Identifier: Apache-2.0
// Asks nf_conntrack by netlink (linux/netfilter/nfnetlink_conntrack.h): a connection is found by
// its original tuple; the reply tuple, reversed, is what the server sees.
#include "dataplane/nat.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

namespace probewall {
namespace {

constexpr std::uint16_t kGet = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
constexpr std::uint16_t kEntry = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;
constexpr std::size_t kMappedHead = 12;  // zeros and ffff before an IPv4 address

class Message {
 public:
  explicit Message(std::uint8_t family) {
    const nfgenmsg head{family, NFNETLINK_V0, 0};
    append(&head, sizeof head);
  }
  void put(std::uint16_t type, const void* value, std::size_t size) {
    const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
    append(&head, sizeof head);
    append(value, size);
    bytes_.resize(NLA_ALIGN(bytes_.size()));
  }
  template <typename Fill>
  void nest(std::uint16_t type, const Fill& fill) {
    const std::size_t start = bytes_.size();
    put(type | NLA_F_NESTED, nullptr, 0);
    fill();
    const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &length, sizeof length);
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  void append(const void* from, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  std::vector<std::byte> bytes_;
};

/// Payload of the attribute `type` among `attributes`; empty: not there.
std::span<const std::byte> find(std::span<const std::byte> attributes, std::uint16_t type) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr head;
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < NLA_HDRLEN || head.nla_len > attributes.size()) return {};
    if ((head.nla_type & NLA_TYPE_MASK) == type) {
      return attributes.subspan(NLA_HDRLEN, head.nla_len - std::size_t{NLA_HDRLEN});
    }
    attributes =
        attributes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return {};
}

bool copy(std::span<const std::byte> from, void* to, std::size_t size) {
  if (from.size() < size) return false;
  std::memcpy(to, from.data(), size);
  return true;
}

Message question(const pw_flow_key& key) {
  const bool v4 = key.family == PW_FAMILY_IPV4;
  const std::size_t skip = v4 ? kMappedHead : 0;
  const std::uint8_t protocol = IPPROTO_TCP;
  Message m{static_cast<std::uint8_t>(v4 ? AF_INET : AF_INET6)};
  m.nest(CTA_TUPLE_ORIG, [&] {
    m.nest(CTA_TUPLE_IP, [&] {
      m.put(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, key.client.bytes + skip, 16 - skip);
      m.put(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, key.server.bytes + skip, 16 - skip);
    });
    m.nest(CTA_TUPLE_PROTO, [&] {
      m.put(CTA_PROTO_NUM, &protocol, sizeof protocol);
      m.put(CTA_PROTO_SRC_PORT, &key.client_port, sizeof key.client_port);
      m.put(CTA_PROTO_DST_PORT, &key.server_port, sizeof key.server_port);
    });
  });
  return m;
}

std::optional<pw_flow_key> read_reply(const nlmsghdr& header, pw_flow_key key) {
  if (header.nlmsg_type != kEntry || header.nlmsg_len < NLMSG_LENGTH(sizeof(nfgenmsg))) return {};
  const auto* first =
      static_cast<const std::byte*>(NLMSG_DATA(&header)) + NLMSG_ALIGN(sizeof(nfgenmsg));
  const std::size_t size = header.nlmsg_len - NLMSG_LENGTH(sizeof(nfgenmsg));
  const auto reply = find({first, size}, CTA_TUPLE_REPLY);
  const auto ip = find(reply, CTA_TUPLE_IP), ports = find(reply, CTA_TUPLE_PROTO);
  const bool v4 = key.family == PW_FAMILY_IPV4;
  const std::size_t skip = v4 ? kMappedHead : 0;
  // The reply comes from the server.
  if (copy(find(ip, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC), key.server.bytes + skip, 16 - skip) &&
      copy(find(ip, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST), key.client.bytes + skip, 16 - skip) &&
      copy(find(ports, CTA_PROTO_SRC_PORT), &key.server_port, sizeof key.server_port) &&
      copy(find(ports, CTA_PROTO_DST_PORT), &key.client_port, sizeof key.client_port)) {
    return key;
  }
  return {};
}

}  // namespace

ConnectionTracking::ConnectionTracking() {
  if (auto opened = NetlinkSocket::open(NETLINK_NETFILTER, "connection tracking")) {
    netlink_.emplace(std::move(*opened));
  }
}

std::optional<pw_flow_key> ConnectionTracking::behind_nat(const pw_flow_key& seen_by_us) const {
  if (!netlink_) return {};
  std::optional<pw_flow_key> out;
  const auto asked =
      netlink_->request(kGet, question(seen_by_us).bytes(), [&](const nlmsghdr& header) {
        if (const auto key = read_reply(header, seen_by_us)) out = key;
      });
  if (!asked || *asked != 0) return {};
  return out;
}

}  // namespace probewall
