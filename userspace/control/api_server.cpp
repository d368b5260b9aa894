// SPDX-License-Identifier: Apache-2.0
#include "control/api_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <vector>

#include "control/api_json.hpp"
#include "control/socket_server.hpp"
#include "control/unix_socket.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxBans = 10000, kMaxSources = 1000;

HttpAnswer error_answer(int status, std::string_view message) {
  return {status, "application/json", error_json(message)};
}

template <typename T, typename ToText>
HttpAnswer answer(const Result<T>& result, ToText to_text) {
  if (!result) return error_answer(503, result.error().message);
  return {200, "application/json", to_text(*result)};
}

template <typename T>
HttpAnswer answer(const Result<T>& result) {
  return answer(result, [](const T& value) { return to_json(value); });
}

/// A count between 1 and `max`; `fallback` when not given; nullopt: no such number.
std::optional<std::size_t> count_from(const std::string& text, std::size_t fallback,
                                      std::size_t max) {
  if (text.empty()) return fallback;
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count == 0) return std::nullopt;
  return std::min(count, max);
}

HttpAnswer answer_why(ApiSource& source, const HttpQuery& query) {
  const auto ip = IpAddress::parse(query.parameter("ip"));
  if (!ip) return error_answer(400, "ip must be an address, e.g. /v1/why?ip=198.51.100.7");
  return answer(source.why(*ip));
}

HttpAnswer answer_bans(ApiSource& source, const HttpQuery& query) {
  const auto limit = count_from(query.parameter("limit"), 1000, kMaxBans);
  if (!limit) return error_answer(400, "limit must be a number from 1 to 10000");
  const std::string after_text = query.parameter("after");
  std::optional<IpPrefix> after;
  if (!after_text.empty() && !(after = IpPrefix::parse(after_text))) {
    return error_answer(400, "after must be a prefix, e.g. 198.51.100.7/32");
  }
  return answer(source.bans(after, *limit));
}

HttpAnswer answer_sources(ApiSource& source, const HttpQuery& query) {
  const auto n = count_from(query.parameter("n"), 20, kMaxSources);
  if (!n) return error_answer(400, "n must be a number from 1 to 1000");
  return answer(source.sources(*n));
}

HttpAnswer route(ApiSource& source, const HttpQuery& query, bool metrics_only) {
  if (query.path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", source.metrics_text()};
  if (metrics_only) return error_answer(404, "only /metrics is served on this address");
  if (query.path == "/v1/status") return answer(source.status());
  if (query.path == "/v1/why") return answer_why(source, query);
  if (query.path == "/v1/bans") return answer_bans(source, query);
  if (query.path == "/v1/allow") return answer(source.allow());
  if (query.path == "/v1/servers") return answer(source.servers());
  if (query.path == "/v1/sources") return answer_sources(source, query);
  if (query.path == "/v1/config") {
    return answer(source.config_toml(), [](const std::string& toml) { return config_json(toml); });
  }
  return error_answer(
      404, "no such resource; see /v1/status, /v1/why?ip=, /v1/bans, /v1/events, /metrics");
}

struct Address {
  std::string host;
  std::uint16_t port = 0;
  bool loopback = false;
};

std::optional<Address> parse_listen(const std::string& listen) {
  const auto colon = listen.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  Address address;
  address.host = listen.substr(0, colon);
  if (address.host.size() > 2 && address.host.front() == '[')
    address.host = address.host.substr(1, colon - 2);
  const auto ip = IpAddress::parse(address.host);
  const char* begin = listen.data() + colon + 1;
  const char* last = listen.data() + listen.size();
  const auto [end, error] = std::from_chars(begin, last, address.port);
  if (!ip || error != std::errc{} || end != last) return std::nullopt;
  address.loopback =
      ip->is_v4() ? (ip->v4_host_order() >> 24) == 127 : *ip == IpAddress::parse("::1");
  return address;
}

}  // namespace

struct ApiServer::State {
  ApiSource& source;
  EventTail& tail;
  std::vector<std::unique_ptr<SocketServer>> servers;
  std::string socket_path;

  SocketServer& add(bool metrics_only) {
    auto handler = [this, metrics_only](const HttpQuery& query) {
      return route(source, query, metrics_only);
    };
    servers.push_back(std::make_unique<SocketServer>(handler, metrics_only ? nullptr : &tail));
    return *servers.back();
  }
};

ApiServer::ApiServer(ApiSource& source, EventTail& tail)
    : state_(new State{source, tail, {}, {}}) {}
ApiServer::~ApiServer() { stop(); }

Result<void> ApiServer::bind_unix(const std::string& path, gid_t group) {
  if (path.size() > 107)
    return fail(ExitStatus::kConfigInvalid, path + " is too long for a socket (107 letters)");
  if (auto clear = clear_stale_socket(path); !clear) return clear;
  // Nobody else may connect between bind and the change of mode.
  const mode_t before = umask(0177);
  auto bound = state_->add(false).bind_unix(path);
  umask(before);
  if (!bound) {
    state_->servers.pop_back();
    return bound;
  }
  state_->socket_path = path;
  if (group != static_cast<gid_t>(-1) && chown(path.c_str(), static_cast<uid_t>(-1), group) != 0) {
    return fail(errno, "give " + path + " to its group");
  }
  if (chmod(path.c_str(), 0660) != 0) return fail(errno, "set the mode of " + path);
  return {};
}

Result<std::uint16_t> ApiServer::bind_tcp(const std::string& listen) {
  const auto address = parse_listen(listen);
  if (!address) return fail(ExitStatus::kConfigInvalid, "'" + listen + "' is no address with port");
  auto port =
      state_->add(!address->loopback).bind_tcp(address->host, address->port, address->loopback);
  if (!port) state_->servers.pop_back();
  return port;
}

void ApiServer::start() {
  for (auto& server : state_->servers) server->start(kThreads, kMaxFollowers);
}

void ApiServer::stop() {
  for (auto& server : state_->servers) server->stop();
  if (!state_->socket_path.empty()) unlink(state_->socket_path.c_str());
  state_->socket_path.clear();
}

}  // namespace probewall
