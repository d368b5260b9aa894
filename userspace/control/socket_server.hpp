// SPDX-License-Identifier: Apache-2.0
// One listening address: cpp-httplib behind a door, so that its header stays in one .cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "control/event_tail.hpp"
#include "probewall/result.hpp"

namespace probewall {

struct HttpAnswer {
  int status = 200;
  const char* type = "application/json";
  std::string body;
};

/// What the handler may ask about a request.
struct HttpQuery {
  std::string path;
  std::function<std::string(const char*)> parameter;  ///< empty: not given
};

/// A GET-only HTTP server on one address.
class SocketServer {
 public:
  using Handler = std::function<HttpAnswer(const HttpQuery&)>;

  /// `handler` runs in several threads. `tail`: lines of /v1/events; nullptr: not served here.
  SocketServer(Handler handler, EventTail* tail);
  ~SocketServer();
  Result<void> bind_unix(const std::string& path);
  /// `check_host`: only answer requests whose Host names this machine's loopback (DNS rebinding).
  Result<std::uint16_t> bind_tcp(const std::string& host, std::uint16_t port, bool check_host);
  void start(unsigned threads, unsigned max_followers);
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace probewall
