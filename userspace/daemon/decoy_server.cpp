// SPDX-License-Identifier: Apache-2.0
#include "daemon/decoy_server.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

constexpr std::uint32_t kMaxBytes = 65536;
constexpr std::uint64_t kPatienceNs = 5'000'000'000;
constexpr std::uint64_t kLingerNs = 1'000'000'000;

constexpr std::string_view kAnswer =
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 85\r\nConnection: "
    "close\r\n\r\n"
    "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>";
static_assert(kAnswer.size() - kAnswer.find("<html>") == 85, "Content-Length");

/// One socket for both families; IPv4 alone where the kernel has no IPv6.
Result<UniqueFd> listen_on(std::uint16_t port) {
  const auto what = "listen on decoy port " + std::to_string(port);
  constexpr int kOn = 1, kOff = 0;
  UniqueFd fd{socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  int bound = -1;
  if (fd) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &kOff, sizeof kOff);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any);
  }
  if (!fd || (bound != 0 && errno == EADDRNOTAVAIL)) {
    fd = UniqueFd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return fail(errno, what);
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any);
  }
  if (bound != 0) return fail(errno, what);
  if (::listen(fd.get(), 64) != 0) return fail(errno, what);
  return fd;
}

}  // namespace

Result<std::unique_ptr<DecoyServer>> DecoyServer::bind(const std::vector<std::uint16_t>& ports) {
  std::vector<UniqueFd> sockets;
  for (const auto port : ports) {
    auto fd = listen_on(port);
    if (!fd) return tl::unexpected(fd.error());
    sockets.push_back(std::move(*fd));
  }
  return std::unique_ptr<DecoyServer>{new DecoyServer{std::move(sockets)}};
}

DecoyServer::~DecoyServer() {
  if (loop_ == nullptr) return;
  for (const auto& socket : sockets_) loop_->remove(socket.get());
  for (const auto& [fd, client] : clients_) loop_->remove(fd);
}

Result<void> DecoyServer::serve(EventLoop& loop) {
  loop_ = &loop;
  for (const auto& socket : sockets_) {
    const int fd = socket.get();
    if (auto added = loop.add(fd, EPOLLIN, [this, fd](std::uint32_t) { accept_client(fd); });
        !added) {
      return added;
    }
  }
  return {};
}

void DecoyServer::accept_client(int socket) {
  UniqueFd fd{accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!fd) return;
  if (clients_.size() >= kMaxClients) {
    ++refused_;
    return;
  }
  const int number = fd.get();
  if (!loop_->add(number, EPOLLIN, [this, number](std::uint32_t) { on_client(number); })) return;
  Client client;
  client.fd = std::move(fd);
  client.deadline_ns = monotonic_ns() + kPatienceNs;
  clients_[number] = std::move(client);
}

void DecoyServer::on_client(int fd) {
  auto& client = clients_.at(fd);
  char bytes[4096];
  const auto n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(fd);
  client.seen += static_cast<std::uint32_t>(n);
  // After the answer the rest of a body is read and thrown away: closing with unread bytes would
  // send a reset, which no web server does to a client that posts.
  if (client.seen > kMaxBytes) return drop(fd);
  if (client.answered) return;
  for (ssize_t i = 0; i < n && client.head_end < 2; ++i) {
    if (bytes[i] == '\n')
      ++client.head_end;
    else if (bytes[i] != '\r')
      client.head_end = 0;
  }
  if (client.head_end >= 2) answer(client);
}

void DecoyServer::answer(Client& client) {
  client.answered = true;
  client.deadline_ns = monotonic_ns() + kLingerNs;
  // A fresh connection's send buffer takes this; a client that does not read it loses it.
  ::send(client.fd.get(), kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown(client.fd.get(), SHUT_WR);
}

void DecoyServer::drop(int fd) {
  loop_->remove(fd);
  clients_.erase(fd);
}

void DecoyServer::expire_clients() {
  const auto now = monotonic_ns();
  std::vector<int> late;
  for (const auto& [fd, client] : clients_) {
    if (now >= client.deadline_ns) late.push_back(fd);
  }
  for (const int fd : late) drop(fd);
}

}  // namespace probewall
