// SPDX-License-Identifier: Apache-2.0
#include "dataplane/network_watch.hpp"

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "dataplane/local_addresses.hpp"
#include "dataplane/more_signal.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";

IpPrefix whole(const IpAddress& a) { return IpPrefix::of(a, a.is_v4() ? 32 : 128); }

NeverBlock allow_all(const IpPrefix& prefix, pw_allow_reason reason) {
  return {prefix, {PW_ALLOW_ALL, static_cast<std::uint8_t>(reason), {}}};
}

std::string read_text(const char* path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Reads until nothing is left; true when something was there.
bool read_all(int fd) {
  alignas(8) char buffer[8192];
  bool any = false;
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got > 0 || (got < 0 && errno == ENOBUFS)) {
      any = true;  // ENOBUFS: changes were lost, so something changed
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      return any;
    }
  }
}

/// Watches the directory: editors and resolvconf replace the file instead of writing it. Where that
/// cannot be done (no inotify left, no such directory) addresses and routes are still watched.
UniqueFd watch_resolv_conf() {
  std::error_code ec;
  const auto real = std::filesystem::canonical(kResolvConf, ec);
  UniqueFd fd{inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  if (!fd) return fd;
  const auto directory = ec ? std::filesystem::path{"/etc"} : real.parent_path();
  inotify_add_watch(fd.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO);
  return fd;
}

}  // namespace

Result<std::vector<NeverBlock>> never_block_from_network() {
  std::vector<NeverBlock> out{allow_all(*IpPrefix::parse("127.0.0.0/8"), PW_ALLOW_OWN_ADDRESS)};
  const auto own = local_addresses();
  if (!own) return tl::unexpected(own.error());
  for (const auto& a : *own) out.push_back(allow_all(whole(a), PW_ALLOW_OWN_ADDRESS));
  const auto gateways = default_gateways();
  if (!gateways) return tl::unexpected(gateways.error());
  for (const auto& a : *gateways) out.push_back(allow_all(whole(a), PW_ALLOW_GATEWAY));
  for (const auto& a : nameservers_in(read_text(kResolvConf))) {
    out.push_back(allow_all(whole(a), PW_ALLOW_DNS));
  }
  return out;
}

Result<std::unique_ptr<NetworkWatch>> NetworkWatch::open() {
  UniqueFd netlink{socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
  if (!netlink) return fail(errno, "open a netlink socket to watch addresses and routes");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (bind(netlink.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return fail(errno, "watch addresses and routes");
  }
  UniqueFd epoll{epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return fail(errno, "epoll_create1");
  UniqueFd inotify = watch_resolv_conf();
  for (const int fd : {netlink.get(), inotify.get()}) {
    if (fd < 0) continue;
    if (auto added = watch_readable(epoll.get(), fd); !added) return tl::unexpected(added.error());
  }
  return std::unique_ptr<NetworkWatch>{
      new NetworkWatch{epoll.release(), netlink.release(), inotify.release()}};
}

NetworkWatch::~NetworkWatch() {
  close(epoll_fd_);
  close(netlink_fd_);
  if (inotify_fd_ >= 0) close(inotify_fd_);
}

int NetworkWatch::poll_fd() const { return epoll_fd_; }

bool NetworkWatch::drain() {
  const bool network = read_all(netlink_fd_);
  const bool resolver = inotify_fd_ >= 0 && read_all(inotify_fd_);
  return network || resolver;
}

}  // namespace probewall
