// SPDX-License-Identifier: Apache-2.0
// The CLI's side of admin.sock (admin_protocol.hpp).
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "control/admin_protocol.hpp"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Requests over one connection, one after the other. A few may be sent before their replies are
/// taken.
class AdminSession {
 public:
  /// Waits at most `patience` whenever it waits.
  static Result<AdminSession> open(std::string path,
                                   std::chrono::seconds patience = std::chrono::seconds{10});
  AdminSession(AdminSession&& other) noexcept;
  ~AdminSession();

  Result<void> send(const admin::Request& request);
  /// The next reply, whatever it says.
  Result<admin::Reply> receive();
  /// The Error of a reply with an exit status: that status and the guard's words.
  static tl::unexpected<Error> refusal(const admin::Reply& reply);

 private:
  AdminSession(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

/// One request per call, each over a connection of its own.
class AdminClient {
 public:
  explicit AdminClient(std::string socket_path) : path_(std::move(socket_path)) {}

  /// Sends `request`, hands every reply but the last to `on_reply` (may be empty) and returns the
  /// last. A reply with an exit status is an Error with that status and the guard's words. Waits at
  /// most `patience` for each reply.
  Result<admin::Reply> call(const admin::Request& request,
                            const std::function<void(const admin::Reply&)>& on_reply = {},
                            std::chrono::seconds patience = std::chrono::seconds{10}) const;

 private:
  std::string path_;
};

/// A request about one prefix; `reason` is cut to its field.
admin::Request admin_request(admin::Op op, const IpPrefix& prefix = {}, std::uint64_t seconds = 0,
                             const std::string& reason = {});
/// The prefix a reply carries.
IpPrefix prefix_of(const admin::Reply& reply);

}  // namespace probewall
