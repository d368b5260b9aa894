// SPDX-License-Identifier: Apache-2.0
// Serves api.md on control.sock and, over TCP, on metrics.listen.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "control/api_source.hpp"
#include "control/event_tail.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Bind while privileged, start after privileges are gone: start() makes threads, binds nothing.
/// Threads, queue, header and body sizes and times are bounded; a reader of `events?follow=1`
/// beyond kMaxFollowers gets 503. Not thread-safe itself.
class ApiServer {
 public:
  static constexpr unsigned kThreads = 2;  ///< per address, besides one that accepts
  static constexpr unsigned kMaxFollowers =
      4;  ///< per address; threads are kept for them besides kThreads

  /// `source` and `tail` must outlive the server.
  ApiServer(ApiSource& source, EventTail& tail);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Binds a unix socket with mode 0660 and `group` as its group ((gid_t)-1: leave it). A socket
  /// file nobody listens on is replaced; one that answers is an Error.
  Result<void> bind_unix(const std::string& path, gid_t group);
  /// Binds "127.0.0.1:9753", "[::1]:9753"; port 0 takes a free one. On an address that is not
  /// loopback only /metrics is served. Returns the port.
  Result<std::uint16_t> bind_tcp(const std::string& listen);

  /// Makes all threads before it returns, none later.
  void start();
  /// Ends all threads; followers are woken. The socket file is removed. Safe to call twice.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace probewall
