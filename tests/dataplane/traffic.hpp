// SPDX-License-Identifier: Apache-2.0
// Real sockets in the lab's namespaces.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "dataplane/unique_fd.hpp"

namespace probewall::lab {

/// A TCP listener on `address` (any family; "::" also takes IPv4) inside `netns`.
UniqueFd listen_in(const std::string& netns, const std::string& address, std::uint16_t port);
/// A TCP connection from `netns`, established.
UniqueFd connect_from(const std::string& netns, const std::string& address, std::uint16_t port);
UniqueFd accept_one(const UniqueFd& listener);

std::uint16_t local_port(const UniqueFd& socket);

void send_text(const UniqueFd& socket, const std::string& text);
/// Waits until `size` bytes came and returns them; shorter: the peer ended.
std::string receive(const UniqueFd& socket, std::size_t size);
/// Waits for the connection's end; the errno value of the read that met it, 0 for an orderly close.
int wait_for_end(const UniqueFd& socket);

/// Sends UDP datagrams from `netns` without a pause until it is destroyed.
class Flood {
 public:
  Flood(const std::string& netns, const std::string& address, std::uint16_t port);
  ~Flood();
  std::uint64_t sent() const { return sent_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::thread thread_;
};

}  // namespace probewall::lab
