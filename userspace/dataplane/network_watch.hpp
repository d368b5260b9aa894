// SPDX-License-Identifier: Apache-2.0
// What must never be blocked, kept current: own addresses, default gateways, DNS servers, and
// peers with a logged-in SSH session.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

struct NeverBlock {
  IpPrefix prefix;
  pw_allow_entry entry{};
};

/// One look at this network namespace: addresses, default routes' gateways, /etc/resolv.conf.
Result<std::vector<NeverBlock>> never_block_from_network();
/// Peers of post-authentication sshd processes (by /proc, never by an open port alone) whose own
/// end is one of `ssh_ports`: a session also holds sockets of ports it forwards, whose peers are
/// not the person logged in. Needs CAP_SYS_PTRACE for other users' sessions.
Result<std::vector<NeverBlock>> never_block_from_ssh(const std::vector<std::uint16_t>& ssh_ports = {
                                                         22});

/// Wakes on address and route changes (rtnetlink multicast) and on a new resolv.conf (inotify).
class NetworkWatch {
 public:
  static Result<std::unique_ptr<NetworkWatch>> open();
  ~NetworkWatch();
  int poll_fd() const;
  /// Reads what is pending; true when the never-block set may have changed.
  bool drain();

 private:
  NetworkWatch(int epoll_fd, int netlink_fd, int inotify_fd)
      : epoll_fd_(epoll_fd), netlink_fd_(netlink_fd), inotify_fd_(inotify_fd) {}
  int epoll_fd_, netlink_fd_, inotify_fd_;
};

}  // namespace probewall
