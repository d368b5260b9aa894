// SPDX-License-Identifier: Apache-2.0
// Ends forwarded connections: a reset towards the server in the client's name. Its sequence number
// is the server's last acknowledgment, the only one a server accepts at once (RFC 5961,
// section 3.2).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "dataplane/dataplane.hpp"
#include "dataplane/local_addresses.hpp"
#include "dataplane/nat.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

std::uint32_t add_words(std::uint32_t sum, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  for (std::size_t i = 0; i + 1 < size; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  return sum;
}
std::uint16_t fold(std::uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

tcphdr reset_header(const pw_flow_key& key, std::uint32_t sequence) {
  tcphdr tcp{};
  tcp.source = key.client_port;
  tcp.dest = key.server_port;
  tcp.seq = htonl(sequence);
  tcp.doff = sizeof tcp / 4;
  tcp.rst = 1;
  // Pseudo header (RFC 9293, 3.1): the mapped part of an IPv4 address must not count.
  const bool v4 = key.family == PW_FAMILY_IPV4;
  const std::size_t skip = v4 ? 12 : 0;
  std::uint32_t sum = IPPROTO_TCP + sizeof tcp;
  sum = add_words(sum, key.client.bytes + skip, 16 - skip);
  sum = add_words(sum, key.server.bytes + skip, 16 - skip);
  tcp.check = fold(add_words(sum, &tcp, sizeof tcp));
  return tcp;
}

struct [[gnu::packed]] Reset4 {
  iphdr ip;
  tcphdr tcp;
};
struct [[gnu::packed]] Reset6 {
  ip6_hdr ip;
  tcphdr tcp;
};

bool send_v4(int fd, const pw_flow_key& key, std::uint32_t sequence) {
  Reset4 packet{};
  packet.ip.version = 4;
  packet.ip.ihl = 5;
  packet.ip.ttl = 64;
  packet.ip.protocol = IPPROTO_TCP;
  packet.ip.tot_len = htons(sizeof packet);
  std::memcpy(&packet.ip.saddr, key.client.bytes + 12, 4);
  std::memcpy(&packet.ip.daddr, key.server.bytes + 12, 4);
  packet.tcp = reset_header(key, sequence);  // the kernel fills in the IP checksum
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = packet.ip.daddr;
  return sendto(fd, &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) ==
         sizeof packet;
}

bool send_v6(int fd, const pw_flow_key& key, std::uint32_t sequence) {
  Reset6 packet{};
  packet.ip.ip6_flow = htonl(6u << 28);
  packet.ip.ip6_plen = htons(sizeof packet.tcp);
  packet.ip.ip6_nxt = IPPROTO_TCP;
  packet.ip.ip6_hlim = 64;
  std::memcpy(&packet.ip.ip6_src, key.client.bytes, 16);
  std::memcpy(&packet.ip.ip6_dst, key.server.bytes, 16);
  packet.tcp = reset_header(key, sequence);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_addr = packet.ip.ip6_dst;
  return sendto(fd, &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) ==
         sizeof packet;
}

}  // namespace

Result<ResetCount> reset_forwarded(const std::vector<FlowEntry>& flows) {
  const auto local = local_addresses();
  if (!local) return tl::unexpected(local.error());
  const std::unordered_set<IpAddress> own{local->begin(), local->end()};

  const ConnectionTracking tracking;
  UniqueFd v4, v6;  // opened when needed: IPPROTO_RAW means that we write the IP header
  ResetCount count;
  for (const FlowEntry& flow : flows) {
    // A container's published port: the flow names our address, the server is behind it.
    const pw_flow_key key = tracking.behind_nat(flow.key).value_or(flow.key);
    if (own.contains(IpAddress::from_abi(key.server))) {
      // Redirected: the socket's port is none that the source spoke to.
      if (key.server_port != flow.key.server_port && destroy_socket(key).value_or(false))
        ++count.ended;
      continue;
    }
    if (!(flow.flow.out_flags & PW_FLOW_ACK_SEEN)) {
      ++count.missed;
      continue;
    }
    const bool is_v4 = key.family == PW_FAMILY_IPV4;
    UniqueFd& fd = is_v4 ? v4 : v6;
    if (!fd) {
      fd = UniqueFd{socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
      if (!fd) return fail(errno, "open a raw socket for resets (needs CAP_NET_RAW)");
    }
    const auto send = is_v4 ? send_v4 : send_v6;
    ++(send(fd.get(), key, flow.flow.server_ack) ? count.ended : count.missed);
  }
  return count;
}

}  // namespace probewall
