// SPDX-License-Identifier: Apache-2.0
// The guard's side of admin.sock (control/admin_protocol.hpp): who may speak, whole messages only,
// a bounded number of clients, each with a deadline. What an order means is the handler's business.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "control/admin_protocol.hpp"
#include "daemon/event_loop.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {

/// The replies to one order, made one at a time: a ban list may have a million of them.
/// Returns the next one; a reply with `more` == 0 is the last. Nothing: not known yet, ask again
/// after AdminServer::resume().
using AdminReplies = std::function<std::optional<admin::Reply>()>;

class AdminServer {
 public:
  /// `request` is well-formed: magic right, reason terminated and printable.
  using OnRequest = std::function<AdminReplies(const admin::Request& request)>;

  struct Options {
    std::string path;
    std::optional<gid_t> group;  ///< its members may speak, too
    uid_t refused_uid = 0;  ///< the worker's: never trusted, whatever groups it is in; 0: nobody
    std::chrono::milliseconds timeout{5000};  ///< without progress
    std::size_t max_clients = 16;
  };
  static Result<std::unique_ptr<AdminServer>> listen(EventLoop& loop, const Options& options,
                                                     OnRequest on_request);
  ~AdminServer();  ///< closes clients, removes the socket file
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Drops clients over their deadline; call it about once a second.
  void expire_clients();
  /// Asks again for replies that were not known yet.
  void resume();
  /// Tries to send what waits, for a stop that follows an answer.
  void flush();

 private:
  struct Client {
    UniqueFd fd;
    AdminReplies replies;  ///< empty: none are due, the next request may come
    std::optional<admin::Reply> unsent;
    std::uint64_t progress_ns = 0;
    bool waiting = false;  ///< for a reply that is not known yet
  };

  AdminServer(EventLoop& loop, Options options, UniqueFd socket, OnRequest on_request);
  void accept_client();
  bool may_speak(int fd) const;
  void on_client(int fd, std::uint32_t events);
  /// False: the client is done, or what it sent is no request.
  bool read_request(Client& client);
  /// False: the client is gone.
  bool pump(Client& client);
  void drop(int fd);

  EventLoop& loop_;
  Options options_;
  UniqueFd socket_;
  OnRequest on_request_;
  std::unordered_map<int, Client> clients_;
};

/// One last reply.
AdminReplies single_reply(admin::Reply reply);
/// Fills `message`, cut to its field at a character's boundary.
void set_message(admin::Reply& reply, std::string_view text);

}  // namespace probewall
