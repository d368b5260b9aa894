// SPDX-License-Identifier: Apache-2.0
#include "dataplane/traffic.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "dataplane/lab.hpp"

namespace probewall::lab {
namespace {

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Endpoint endpoint(const std::string& address, std::uint16_t port) {
  Endpoint out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.length = sizeof *v4;
  } else {
    inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.length = sizeof *v6;
  }
  return out;
}

void must(bool ok, const char* what) {
  if (ok) return;
  std::cerr << "traffic: " << what << ": " << std::strerror(errno) << std::endl;
  std::abort();
}

}  // namespace

UniqueFd listen_in(const std::string& netns, const std::string& address, std::uint16_t port) {
  UniqueFd out;
  in_namespace(netns, [&] {
    const auto at = endpoint(address, port);
    out = UniqueFd{socket(at.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int off = 0, on = 1;
    setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at.get()->sa_family == AF_INET6) {
      setsockopt(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    must(bind(out.get(), at.get(), at.length) == 0, "bind");
    must(listen(out.get(), 16) == 0, "listen");
  });
  return out;
}

UniqueFd connect_from(const std::string& netns, const std::string& address, std::uint16_t port) {
  UniqueFd out;
  in_namespace(netns, [&] {
    const auto to = endpoint(address, port);
    out = UniqueFd{socket(to.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    must(connect(out.get(), to.get(), to.length) == 0, "connect");
  });
  return out;
}

UniqueFd accept_one(const UniqueFd& listener) {
  UniqueFd out{accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  must(static_cast<bool>(out), "accept");
  return out;
}

std::uint16_t local_port(const UniqueFd& socket) {
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  must(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &length) == 0, "getsockname");
  // The port lies at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&at)->sin_port);
}

void send_text(const UniqueFd& socket, const std::string& text) {
  must(send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size()),
       "send");
}

std::string receive(const UniqueFd& socket, std::size_t size) {
  std::string out(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = recv(socket.get(), out.data() + have, size - have, 0);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

int wait_for_end(const UniqueFd& socket) {
  char buffer[4096];
  while (true) {
    const ssize_t got = recv(socket.get(), buffer, sizeof buffer, 0);
    if (got < 0) return errno;
    if (got == 0) return 0;
  }
}

Flood::Flood(const std::string& netns, const std::string& address, std::uint16_t port) {
  UniqueFd fd;
  in_namespace(netns, [&] {
    const auto to = endpoint(address, port);
    fd = UniqueFd{socket(to.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    must(connect(fd.get(), to.get(), to.length) == 0, "connect");
  });
  thread_ = std::thread{[this, fd = std::move(fd)] {
    while (!stop_) {
      if (send(fd.get(), "flood", 5, 0) == 5) ++sent_;
    }
  }};
}

Flood::~Flood() {
  stop_ = true;
  thread_.join();
}

}  // namespace probewall::lab
