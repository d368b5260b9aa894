// SPDX-License-Identifier: Apache-2.0
// What must never be blocked, kept current: own addresses, default gateways, DNS servers, and
// peers with a logged-in SSH session.
#pragma once

#include <functional>
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
/// Peers of post-authentication sshd processes (by /proc, never by an open port alone).
Result<std::vector<NeverBlock>> never_block_from_ssh();

/// Wakes on address and route changes (rtnetlink multicast).
class NetworkWatch {
 public:
  static Result<std::unique_ptr<NetworkWatch>> open();
  ~NetworkWatch();
  int poll_fd() const;
  /// Reads what is pending; true when the never-block set may have changed.
  bool drain();

 private:
  explicit NetworkWatch(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace probewall
