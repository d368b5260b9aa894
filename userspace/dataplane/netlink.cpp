// SPDX-License-Identifier: Apache-2.0
#include "dataplane/netlink.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace probewall {
namespace {

constexpr std::size_t kReceiveBytes = 64 * 1024;

/// errno value of an NLMSG_ERROR or NLMSG_DONE message; 0: fine.
int error_of(const nlmsghdr& header) {
  int code = 0;
  if (header.nlmsg_len >= NLMSG_LENGTH(sizeof code)) {
    std::memcpy(&code, NLMSG_DATA(&header), sizeof code);
  }
  return -code;
}

}  // namespace

Result<NetlinkSocket> NetlinkSocket::open(int protocol, std::string_view purpose) {
  NetlinkSocket s;
  s.fd_ = UniqueFd{socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
  if (!s.fd_) return fail(errno, "open a netlink socket to " + std::string{purpose});
  return s;
}

Result<void> NetlinkSocket::send(std::uint16_t type, std::uint16_t flags,
                                 std::span<const std::byte> body) {
  std::vector<std::byte> message(NLMSG_SPACE(body.size()));
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(body.size()));
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + NLMSG_HDRLEN, body.data(), body.size());
  if (::send(fd_.get(), message.data(), message.size(), 0) < 0)
    return fail(errno, "send to netlink");
  return {};
}

Result<void> NetlinkSocket::dump(std::uint16_t type, std::span<const std::byte> body,
                                 const std::function<void(const nlmsghdr&)>& visit) {
  if (auto sent = send(type, NLM_F_DUMP, body); !sent) return sent;
  std::vector<std::byte> buffer(kReceiveBytes);
  while (true) {
    const ssize_t received = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return fail(errno, "receive from netlink");
    auto left = static_cast<std::uint32_t>(received);
    for (auto* h = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(h, left);
         h = NLMSG_NEXT(h, left)) {
      if (h->nlmsg_seq != sequence_) continue;
      if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
        const int error = error_of(*h);
        if (error != 0) return fail(error, "netlink dump");
        return {};
      }
      visit(*h);
    }
  }
}

Result<int> NetlinkSocket::request(std::uint16_t type, std::span<const std::byte> body,
                                   const std::function<void(const nlmsghdr&)>& visit) {
  if (auto sent = send(type, NLM_F_ACK, body); !sent) return tl::unexpected(sent.error());
  alignas(nlmsghdr) std::byte buffer[4096];
  while (true) {
    const ssize_t received = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return fail(errno, "receive from netlink");
    auto left = static_cast<std::uint32_t>(received);
    for (auto* h = reinterpret_cast<const nlmsghdr*>(buffer); NLMSG_OK(h, left);
         h = NLMSG_NEXT(h, left)) {
      if (h->nlmsg_seq != sequence_) continue;
      if (h->nlmsg_type == NLMSG_ERROR) return error_of(*h);
      if (visit) visit(*h);
    }
  }
}

}  // namespace probewall
