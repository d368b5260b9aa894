// SPDX-License-Identifier: Apache-2.0
#include "dataplane/local_addresses.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "dataplane/netlink.hpp"

namespace probewall {
namespace {

IpAddress address_from(const void* bytes, std::size_t size) {
  IpAddress out;
  if (size == 4) {
    std::uint32_t v4 = 0;
    std::memcpy(&v4, bytes, 4);
    return IpAddress::from_v4(ntohl(v4));
  }
  std::memcpy(out.bytes.data(), bytes, 16);
  return out;
}

void add_hop(const rtattr* a, std::vector<IpAddress>& out) {
  const std::size_t size = RTA_PAYLOAD(a);
  if (a->rta_type == RTA_GATEWAY && (size == 4 || size == 16)) {
    out.push_back(address_from(RTA_DATA(a), size));
  } else if (a->rta_type == RTA_VIA && (size == 2 + 4 || size == 2 + 16)) {
    // struct rtvia: an IPv4 route through an IPv6 hop (RFC 5549).
    out.push_back(address_from(static_cast<const char*>(RTA_DATA(a)) + 2, size - 2));
  }
}

void add_attributes(const rtattr* a, int left, std::vector<IpAddress>& out) {
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    add_hop(a, out);
    if (a->rta_type != RTA_MULTIPATH) continue;
    int hops_left = static_cast<int>(RTA_PAYLOAD(a));
    for (auto* hop = static_cast<rtnexthop*>(RTA_DATA(a)); RTNH_OK(hop, hops_left);) {
      add_attributes(RTNH_DATA(hop), hop->rtnh_len - static_cast<int>(sizeof *hop), out);
      hops_left -= RTNH_ALIGN(hop->rtnh_len);
      hop = RTNH_NEXT(hop);
    }
  }
}

}  // namespace

Result<std::vector<IpAddress>> local_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return fail(errno, "list the own addresses");
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, &freeifaddrs};
  std::vector<IpAddress> out;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    if (i->ifa_addr->sa_family == AF_INET) {
      out.push_back(address_from(&reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, 4));
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      out.push_back(
          address_from(&reinterpret_cast<const sockaddr_in6*>(i->ifa_addr)->sin6_addr, 16));
    }
  }
  return out;
}

Result<std::vector<IpAddress>> default_gateways() {
  auto netlink = NetlinkSocket::open(NETLINK_ROUTE, "read the default routes");
  if (!netlink) return tl::unexpected(netlink.error());
  std::vector<IpAddress> out;
  for (const unsigned char family : {AF_INET, AF_INET6}) {
    rtmsg request{};
    request.rtm_family = family;
    const auto dumped = netlink->dump(
        RTM_GETROUTE, std::as_bytes(std::span{&request, 1}), [&](const nlmsghdr& header) {
          if (header.nlmsg_type != RTM_NEWROUTE) return;
          const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(&header));
          if (route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST) return;
          add_attributes(RTM_RTA(route), static_cast<int>(RTM_PAYLOAD(&header)), out);
        });
    if (!dumped && family == AF_INET) return tl::unexpected(dumped.error());
  }
  return out;
}

std::vector<IpAddress> nameservers_in(std::string_view text) {
  constexpr std::string_view kWord = "nameserver";
  std::vector<IpAddress> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(kWord)) continue;
    line.remove_prefix(kWord.size());
    const auto first = line.find_first_not_of(" \t");
    if (first == 0 || first == std::string_view::npos) continue;
    line.remove_prefix(first);
    if (const auto a = IpAddress::parse(line.substr(0, line.find_first_of(" \t\r%#;")))) {
      out.push_back(*a);
    }
  }
  return out;
}

}  // namespace probewall
