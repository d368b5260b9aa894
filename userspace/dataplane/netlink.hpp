// SPDX-License-Identifier: Apache-2.0
// A netlink socket for requests that libbpf does not make: sock_diag, routes, filter dumps.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

class NetlinkSocket {
 public:
  /// `protocol`: NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER. Errors name `purpose`.
  static Result<NetlinkSocket> open(int protocol, std::string_view purpose);

  /// Sends one NLM_F_DUMP request and hands every answer's header to `visit`. A dump that the
  /// kernel marks as interrupted (the table changed meanwhile) is not repeated: the watch wakes us
  /// again.
  Result<void> dump(std::uint16_t type, std::span<const std::byte> body,
                    const std::function<void(const nlmsghdr&)>& visit);
  /// Sends one request with NLM_F_ACK and returns the kernel's verdict, 0 or an errno value; what
  /// it sends besides goes to `visit`.
  Result<int> request(std::uint16_t type, std::span<const std::byte> body,
                      const std::function<void(const nlmsghdr&)>& visit = {});

 private:
  Result<void> send(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> body);
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace probewall
