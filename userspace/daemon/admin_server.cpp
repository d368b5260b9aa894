// SPDX-License-Identifier: Apache-2.0
#include "daemon/admin_server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

constexpr int kRepliesPerTurn = 512;

bool in_groups(int fd, gid_t group) {
  std::array<gid_t, 1024> groups;
  socklen_t size = sizeof groups;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  const auto end = groups.begin() + size / sizeof(gid_t);
  return std::find(groups.begin(), end, group) != end;
}

/// The operator's words go into logs and terminals: bytes that steer those become '?'.
void make_printable(char (&reason)[120]) {
  reason[sizeof reason - 1] = '\0';
  for (char& c : reason) {
    if (c == '\0') break;
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
}

Result<UniqueFd> bind_socket(const AdminServer::Options& options) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.path.size() >= sizeof address.sun_path) {
    return fail(ENAMETOOLONG, "bind " + options.path);
  }
  std::memcpy(address.sun_path, options.path.c_str(), options.path.size() + 1);
  UniqueFd fd{socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail(errno, "create admin socket");
  // The instance lock is held, so a socket file that is there belongs to a dead daemon.
  unlink(options.path.c_str());
  const mode_t before = umask(0177);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_errno = errno;
  umask(before);
  if (bound != 0) return fail(bind_errno, "bind " + options.path);
  if (options.group && chown(options.path.c_str(), 0, *options.group) != 0) {
    return fail(errno, "chown " + options.path);
  }
  if (chmod(options.path.c_str(), 0660) != 0) return fail(errno, "chmod " + options.path);
  if (::listen(fd.get(), 16) != 0) return fail(errno, "listen on " + options.path);
  return fd;
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::listen(EventLoop& loop, const Options& options,
                                                         OnRequest on_request) {
  auto socket = bind_socket(options);
  if (!socket) return tl::unexpected(socket.error());
  std::unique_ptr<AdminServer> made{
      new AdminServer{loop, options, std::move(*socket), std::move(on_request)}};
  auto* self = made.get();
  auto added =
      loop.add(self->socket_.get(), EPOLLIN, [self](std::uint32_t) { self->accept_client(); });
  if (!added) return tl::unexpected(added.error());
  return made;
}

AdminServer::AdminServer(EventLoop& loop, Options options, UniqueFd socket, OnRequest on_request)
    : loop_(loop),
      options_(std::move(options)),
      socket_(std::move(socket)),
      on_request_(std::move(on_request)) {}

AdminServer::~AdminServer() {
  for (const auto& [fd, client] : clients_) loop_.remove(fd);
  loop_.remove(socket_.get());
  unlink(options_.path.c_str());
}

bool AdminServer::may_speak(int fd) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0) return true;
  if (options_.refused_uid != 0 && peer.uid == options_.refused_uid) return false;
  return options_.group && (peer.gid == *options_.group || in_groups(fd, *options_.group));
}

void AdminServer::accept_client() {
  UniqueFd fd{accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!fd) return;
  if (clients_.size() >= options_.max_clients || !may_speak(fd.get())) {
    admin::Reply reply;
    const bool full = clients_.size() >= options_.max_clients;
    reply.exit_status =
        static_cast<std::uint32_t>(full ? ExitStatus::kFailed : ExitStatus::kPermission);
    set_message(reply, full ? "too many clients on admin.sock; try again"
                            : "only root and members of group probewall may change anything");
    ::send(fd.get(), &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL);
    return;
  }
  const int number = fd.get();
  if (!loop_.add(number, EPOLLIN,
                 [this, number](std::uint32_t events) { on_client(number, events); })) {
    return;
  }
  Client client;
  client.fd = std::move(fd);
  client.progress_ns = monotonic_ns();
  clients_[number] = std::move(client);
}

void AdminServer::on_client(int fd, std::uint32_t events) {
  const auto found = clients_.find(fd);
  if (found == clients_.end()) return;
  auto& client = found->second;
  if (client.replies && (events & (EPOLLHUP | EPOLLERR))) return drop(fd);
  if (!client.replies && !read_request(client)) return drop(fd);
  if (!pump(client)) return drop(fd);
  if (client.waiting) return (void)loop_.modify(fd, 0);
  loop_.modify(fd, client.replies ? EPOLLOUT : EPOLLIN);
}

void AdminServer::resume() {
  for (auto& [fd, client] : clients_) {
    if (!std::exchange(client.waiting, false)) continue;
    client.progress_ns = monotonic_ns();
    loop_.modify(fd, EPOLLOUT);
  }
}

bool AdminServer::read_request(Client& client) {
  admin::Request request;
  const auto n = ::recv(client.fd.get(), &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
  if (n != sizeof request || request.magic != admin::kMagic) return false;
  make_printable(request.reason);
  client.replies = on_request_(request);
  client.progress_ns = monotonic_ns();
  return true;
}

bool AdminServer::pump(Client& client) {
  for (int i = 0; i < kRepliesPerTurn; ++i) {
    if (!client.unsent) client.unsent = client.replies();
    client.waiting = !client.unsent;
    if (client.waiting) return true;
    const auto n = ::send(client.fd.get(), &*client.unsent, sizeof *client.unsent,
                          MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != sizeof *client.unsent) return n < 0 && errno == EAGAIN;
    const bool last = client.unsent->more == 0;
    client.unsent.reset();
    client.progress_ns = monotonic_ns();
    if (last) {  // the client closes, or asks for more
      client.replies = {};
      return true;
    }
  }
  return true;
}

void AdminServer::drop(int fd) {
  loop_.remove(fd);
  clients_.erase(fd);
}

void AdminServer::expire_clients() {
  const auto now = monotonic_ns();
  const auto patience =
      static_cast<std::uint64_t>(std::chrono::nanoseconds{options_.timeout}.count());
  std::vector<int> late;
  for (const auto& [fd, client] : clients_) {
    if (!client.waiting && now - client.progress_ns > patience) late.push_back(fd);
  }
  for (const int fd : late) drop(fd);
}

void AdminServer::flush() {
  for (auto& [fd, client] : clients_) {
    if (client.replies) pump(client);
  }
}

AdminReplies single_reply(admin::Reply reply) {
  return [reply] { return reply; };
}

void set_message(admin::Reply& reply, std::string_view text) {
  std::size_t size = std::min(text.size(), sizeof reply.message - 1);
  // Not in the middle of a UTF-8 sequence.
  while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    --size;
  std::memcpy(reply.message, text.data(), size);
  reply.message[size] = '\0';
}

}  // namespace probewall
