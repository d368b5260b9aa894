// SPDX-License-Identifier: Apache-2.0
// Ends TCP sockets of this network namespace by sock_diag, as `ss -K` does.
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "dataplane/dataplane.hpp"
#include "dataplane/netlink.hpp"

namespace probewall {
namespace {

/// Neither listeners nor what has ended already: TIME_WAIT only keeps the addresses from being
/// reused too early, and serves nobody.
constexpr std::uint32_t kConnected =
    0xfff & ~(1u << TCP_LISTEN | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE);

IpAddress peer_of(const inet_diag_msg& socket) {
  if (socket.idiag_family == AF_INET) return IpAddress::from_v4(ntohl(socket.id.idiag_dst[0]));
  IpAddress peer;  // an IPv4 client of an AF_INET6 socket is IPv4-mapped, as in IpAddress
  std::memcpy(peer.bytes.data(), socket.id.idiag_dst, peer.bytes.size());
  return peer;
}

/// It closed by itself meanwhile: no such socket, or another one with the same addresses.
bool is_gone(int error) { return error == ENOENT || error == ESTALE; }

inet_diag_req_v2 tcp_request(std::uint8_t family) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = kConnected;
  return request;
}

}  // namespace

Result<std::uint32_t> destroy_sockets(const IpPrefix& source, const ServerPorts& ports) {
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, "find sockets");
  if (!netlink) return tl::unexpected(netlink.error());

  std::vector<inet_diag_req_v2> targets;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    if (family == AF_INET && !source.is_v4()) continue;
    const auto request = tcp_request(family);
    const auto dumped = netlink->dump(
        SOCK_DIAG_BY_FAMILY, std::as_bytes(std::span{&request, 1}), [&](const nlmsghdr& header) {
          if (header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
          inet_diag_msg socket;
          std::memcpy(&socket, NLMSG_DATA(&header), sizeof socket);
          if (!source.contains(peer_of(socket)) || !ports.contains(ntohs(socket.id.idiag_sport)))
            return;
          auto target = tcp_request(socket.idiag_family);
          target.id = socket.id;  // with the cookie: a reused 4-tuple is not hit
          targets.push_back(target);
        });
    if (!dumped) {
      // A kernel with ipv6.disable=1 has no AF_INET6 sockets to dump.
      if (family == AF_INET6 && source.is_v4() && dumped.error().errno_value == ENOENT) continue;
      return tl::unexpected(dumped.error());
    }
  }

  std::uint32_t ended = 0;
  int first_error = 0;
  for (const auto& target : targets) {
    const auto answer = netlink->request(SOCK_DESTROY, std::as_bytes(std::span{&target, 1}));
    if (!answer) return tl::unexpected(answer.error());
    if (*answer == 0) {
      ++ended;
    } else if (!is_gone(*answer) && first_error == 0) {
      first_error = *answer;
    }
  }
  if (first_error == EOPNOTSUPP) {
    return fail(first_error, "end sockets: the kernel needs CONFIG_INET_DIAG_DESTROY");
  }
  if (first_error != 0) return fail(first_error, "end sockets");
  return ended;
}

Result<bool> destroy_socket(const pw_flow_key& flow) {
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, "end a socket");
  if (!netlink) return tl::unexpected(netlink.error());
  const bool v4 = flow.family == PW_FAMILY_IPV4;
  const std::size_t mapped = v4 ? 12 : 0;
  // An AF_INET question also finds the AF_INET6 socket of a server that takes both families.
  auto target = tcp_request(v4 ? AF_INET : AF_INET6);
  std::memcpy(target.id.idiag_src, flow.server.bytes + mapped, 16 - mapped);
  std::memcpy(target.id.idiag_dst, flow.client.bytes + mapped, 16 - mapped);
  target.id.idiag_sport = flow.server_port;
  target.id.idiag_dport = flow.client_port;
  target.id.idiag_cookie[0] = target.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  // Look first: with the connection gone, the kernel's look-up ends at the listener, which would
  // then be destroyed in its place.
  bool found = false;
  const auto looked = netlink->request(SOCK_DIAG_BY_FAMILY, std::as_bytes(std::span{&target, 1}),
                                       [&](const nlmsghdr& header) {
                                         if (header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
                                           return;
                                         inet_diag_msg socket;
                                         std::memcpy(&socket, NLMSG_DATA(&header), sizeof socket);
                                         if (socket.idiag_state == TCP_LISTEN) return;
                                         found = true;
                                         target.sdiag_family = socket.idiag_family;
                                         target.id = socket.id;
                                       });
  if (!looked) return tl::unexpected(looked.error());
  if (*looked != 0 && !is_gone(*looked)) return fail(*looked, "look for a socket");
  if (!found) return false;
  const auto answer = netlink->request(SOCK_DESTROY, std::as_bytes(std::span{&target, 1}));
  if (!answer) return tl::unexpected(answer.error());
  if (*answer != 0 && !is_gone(*answer)) return fail(*answer, "end a socket");
  return *answer == 0;
}

}  // namespace probewall
