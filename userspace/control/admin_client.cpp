// SPDX-License-Identifier: Apache-2.0
#include "control/admin_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "control/unix_socket.hpp"

namespace probewall {
namespace {

tl::unexpected<Error> no_answer(const std::string& path, int error) {
  if (error == EACCES || error == EPERM) {
    return fail(ExitStatus::kPermission,
                "probewalld refused: changes need root or group probewall");
  }
  const char* why = error == EAGAIN || error == EWOULDBLOCK ? "no answer in time"
                    : error == 0                            ? "it closed the connection"
                                                            : std::strerror(error);
  return fail(ExitStatus::kUnreachable, "probewalld on " + path + ": " + why);
}

Result<admin::Reply> receive(int fd, const std::string& path) {
  admin::Reply reply;
  ssize_t n = 0;
  // A guard that refuses us answers and closes without reading: the reset is reported once, and the
  // answer is still there behind it.
  bool reset = false;
  do {
    if (n < 0 && errno == ECONNRESET) reset = true;
    n = recv(fd, &reply, sizeof reply, MSG_TRUNC);
  } while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset)));
  if (n < 0) return no_answer(path, errno);
  if (n == 0) return no_answer(path, 0);
  if (n != static_cast<ssize_t>(sizeof reply) || reply.magic != admin::kMagic) {
    return fail(ExitStatus::kFailed,
                "probewalld speaks another version on " + path + "; restart it");
  }
  reply.message[sizeof reply.message - 1] = '\0';
  return reply;
}

}  // namespace

AdminSession::AdminSession(AdminSession&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

AdminSession::~AdminSession() {
  if (fd_ >= 0) close(fd_);
}

Result<AdminSession> AdminSession::open(std::string path, std::chrono::seconds patience) {
  const auto fd = connect_unix(path, SOCK_SEQPACKET);
  if (!fd) return tl::unexpected(fd.error());
  AdminSession session{std::move(path), *fd};
  const timeval wait{patience.count(), 0};
  setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  return session;
}

Result<void> AdminSession::send(const admin::Request& request) {
  const auto sent = ::send(fd_, &request, sizeof request, MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(sizeof request)) return {};
  // A guard that refuses us has answered and closed: its words wait for receive().
  if (errno == EPIPE || errno == ECONNRESET) return {};
  return no_answer(path_, errno);
}

Result<admin::Reply> AdminSession::receive() { return ::probewall::receive(fd_, path_); }

tl::unexpected<Error> AdminSession::refusal(const admin::Reply& reply) {
  return fail(static_cast<ExitStatus>(reply.exit_status),
              reply.message[0] != '\0' ? reply.message : "probewalld refused");
}

Result<admin::Reply> AdminClient::call(const admin::Request& request,
                                       const std::function<void(const admin::Reply&)>& on_reply,
                                       std::chrono::seconds patience) const {
  auto session = AdminSession::open(path_, patience);
  if (!session) return tl::unexpected(session.error());
  if (auto sent = session->send(request); !sent) return tl::unexpected(sent.error());
  for (;;) {
    auto reply = session->receive();
    if (!reply) return reply;
    if (reply->exit_status != 0) return AdminSession::refusal(*reply);
    if (reply->more == 0) return reply;
    if (on_reply) on_reply(*reply);
  }
}

admin::Request admin_request(admin::Op op, const IpPrefix& prefix, std::uint64_t seconds,
                             const std::string& reason) {
  admin::Request request;
  request.op = static_cast<std::uint32_t>(op);
  std::memcpy(request.address, prefix.address.bytes.data(), sizeof request.address);
  request.prefix_len = prefix.length;
  request.seconds = seconds;
  const std::size_t n = reason.copy(request.reason, sizeof request.reason - 1);
  request.reason[n] = '\0';
  return request;
}

IpPrefix prefix_of(const admin::Reply& reply) {
  IpPrefix prefix;
  std::memcpy(prefix.address.bytes.data(), reply.address, sizeof reply.address);
  prefix.length = static_cast<std::uint8_t>(reply.prefix_len);
  return prefix;
}

}  // namespace probewall
