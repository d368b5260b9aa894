// SPDX-License-Identifier: Apache-2.0
#include "control/socket_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

#include "control/api_json.hpp"
#include "control/bounded_stream.hpp"
#include "control/worker_pool.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kEventsAtOnce = 256;

bool names_loopback(std::string host) {
  if (const auto colon = host.rfind(':'); colon != std::string::npos && !host.ends_with(']'))
    host.resize(colon);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return host == "localhost" || host == "[::1]" || host.starts_with("127.") || host.empty();
}

/// cpp-httplib's parser and router over our stream and our threads.
class Server final : public httplib::Server {
 public:
  void set_pool(WorkerPool* pool) { pool_ = pool; }
  WorkerPool* pool() const { return pool_; }

 private:
  bool process_and_close_socket(socket_t fd) override {
    bool closed = false;
    bool done = false;
    try {
      BoundedStream stream(fd);
      done = process_request(stream, true, closed, nullptr);
    } catch (...) {
      // Out of memory and the like: this connection ends, the server goes on.
    }
    shutdown(fd, SHUT_RDWR);
    close(fd);
    return done;
  }
  WorkerPool* pool_ = nullptr;
};

/// Hands cpp-httplib's connections to threads that exist already.
class PoolQueue final : public httplib::TaskQueue {
 public:
  explicit PoolQueue(WorkerPool& pool) : pool_(pool) {}
  void enqueue(std::function<void()> job) override { pool_.submit(std::move(job)); }
  void shutdown() override { pool_.close(); }

 private:
  WorkerPool& pool_;
};

}  // namespace

struct SocketServer::State {
  Handler handler;
  EventTail* tail;
  Server server;
  std::unique_ptr<WorkerPool> pool;
  std::thread acceptor;
  std::atomic<unsigned> followers{0};
  unsigned max_followers = 0;
  std::atomic<bool> stopping{false};
  std::atomic<bool> ended{false};  ///< the accept loop returned
  bool check_host = false;

  void answer(const httplib::Request& request, httplib::Response& response);
  void events(const httplib::Request& request, httplib::Response& response);
  void follow(httplib::Response& response);
};

void SocketServer::State::answer(const httplib::Request& request, httplib::Response& response) {
  HttpAnswer answer;
  if (check_host && !names_loopback(request.get_header_value("Host"))) {
    answer = {403, "application/json", error_json("this address answers to loopback names only")};
  } else if (tail != nullptr && request.path == "/v1/events") {
    return events(request, response);
  } else {
    answer =
        handler({request.path, [&](const char* name) { return request.get_param_value(name); }});
  }
  response.status = answer.status;
  response.set_content(answer.body, answer.type);
}

void SocketServer::State::events(const httplib::Request& request, httplib::Response& response) {
  if (request.get_param_value("follow") == "1") return follow(response);
  std::string body;
  for (const auto& line : tail->read(0, SIZE_MAX, {}).lines) body += line + "\n";
  response.set_content(body, "application/x-ndjson");
}

void SocketServer::State::follow(httplib::Response& response) {
  if (followers.fetch_add(1) >= max_followers) {
    followers.fetch_sub(1);
    response.status = 503;
    response.set_content(error_json("too many readers follow the events; try again later"),
                         "application/json");
    return;
  }
  auto cursor = std::make_shared<std::uint64_t>(0);
  response.set_chunked_content_provider(
      "application/x-ndjson",
      [this, cursor](std::size_t, httplib::DataSink& sink) {
        if (stopping || tail->closed() || !sink.is_writable()) {
          sink.done();
          return true;
        }
        const auto batch = tail->read(*cursor, kEventsAtOnce, std::chrono::milliseconds{500});
        *cursor = batch.next;
        std::string text;
        if (batch.lost > 0) {
          text = R"({"type":"loss","what":"events_follow","count":)" + std::to_string(batch.lost) +
                 "}\n";
        }
        for (const auto& line : batch.lines) text += line + "\n";
        return text.empty() || sink.write(text.data(), text.size());
      },
      [this](bool) { followers.fetch_sub(1); });
}

SocketServer::SocketServer(Handler handler, EventTail* tail) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.handler = std::move(handler);
  s.tail = tail;
  s.server.Get(".*", [&s](const httplib::Request& request, httplib::Response& response) {
    s.answer(request, response);
  });
  s.server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    response.set_content(
        error_json(response.status == 404 ? "only GET is answered here" : "malformed request"),
        "application/json");
  });
  s.server.set_payload_max_length(1024);
  s.server.set_default_headers(
      {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
}

SocketServer::~SocketServer() { stop(); }

Result<void> SocketServer::bind_unix(const std::string& path) {
  state_->server.set_address_family(AF_UNIX);
  // The port is not used with AF_UNIX, but 0 would make the library ask for the one it got.
  errno = 0;
  if (!state_->server.bind_to_port(path, 80)) return fail(errno, "listen on " + path);
  return {};
}

Result<std::uint16_t> SocketServer::bind_tcp(const std::string& host, std::uint16_t port,
                                             bool check_host) {
  state_->check_host = check_host;
  state_->server.set_address_family(host.find(':') != std::string::npos ? AF_INET6 : AF_INET);
  // Not the library's default SO_REUSEPORT: two daemons must not share an address unnoticed.
  state_->server.set_socket_options([](socket_t fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  errno = 0;
  if (port == 0) {
    const int chosen = state_->server.bind_to_any_port(host);
    if (chosen <= 0) return fail(errno, "listen on " + host);
    return static_cast<std::uint16_t>(chosen);
  }
  if (!state_->server.bind_to_port(host, port)) {
    return fail(errno, "listen on " + host + " port " + std::to_string(port) + " (metrics.listen)");
  }
  return port;
}

void SocketServer::start(unsigned threads, unsigned max_followers) {
  State& s = *state_;
  s.max_followers = max_followers;
  s.pool = std::make_unique<WorkerPool>(threads + max_followers, kMaxWaiting);
  s.server.new_task_queue = [&s] { return new PoolQueue(*s.pool); };
  s.acceptor = std::thread([&s] {
    s.server.listen_after_bind();
    s.ended = true;
  });
}

void SocketServer::stop() {
  State& s = *state_;
  if (s.stopping.exchange(true)) return;
  if (s.pool != nullptr) s.pool->close();
  if (s.acceptor.joinable()) {
    // The library forgets a stop() that comes before its loop runs.
    while (!s.server.is_running() && !s.ended) std::this_thread::yield();
    s.server.stop();
    s.acceptor.join();
  }
  s.pool.reset();
}

}  // namespace probewall
