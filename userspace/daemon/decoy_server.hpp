// SPDX-License-Identifier: Apache-2.0
// Listens on the decoy ports, so that a prober's handshake completes and its request gets proven.
// It reads one request, answers as a small web server would, and closes. What the request says is
// the capture path's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "daemon/event_loop.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {

class DecoyServer {
 public:
  static constexpr std::size_t kMaxClients = 256;

  /// Binds every port, both address families. An Error names the port.
  static Result<std::unique_ptr<DecoyServer>> bind(const std::vector<std::uint16_t>& ports);
  DecoyServer(const DecoyServer&) = delete;
  DecoyServer& operator=(const DecoyServer&) = delete;
  ~DecoyServer();

  Result<void> serve(EventLoop& loop);
  /// Closes connections that took too long; call it about once a second.
  void expire_clients();
  std::uint64_t refused() const { return refused_; }  ///< closed at once: too many connections

 private:
  struct Client {
    UniqueFd fd;
    std::uint32_t seen = 0;      ///< bytes
    std::uint32_t head_end = 0;  ///< how much of the blank line that ends a head was matched
    bool answered = false;
    std::uint64_t deadline_ns = 0;
  };

  explicit DecoyServer(std::vector<UniqueFd> sockets) : sockets_(std::move(sockets)) {}
  void accept_client(int socket);
  void on_client(int fd);
  void answer(Client& client);
  void drop(int fd);

  EventLoop* loop_ = nullptr;
  std::vector<UniqueFd> sockets_;
  std::unordered_map<int, Client> clients_;
  std::uint64_t refused_ = 0;
};

}  // namespace probewall
