// SPDX-License-Identifier: Apache-2.0
// The real API server with fixed answers behind it, and the guard's end of admin.sock, for tests of
// what stands on the other side of the sockets.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "control/admin_protocol.hpp"
#include "control/api_server.hpp"

namespace probewall::test {

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "probewall-ops-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Answers as a daemon that blocked 198.51.100.7 after two requests.
class FixedSource : public ApiSource {
 public:
  std::optional<ApiReload> reload;
  Result<ApiStatus> status() override {
    ApiStatus s;
    s.version = "0.1.0";
    s.pid = 4711;
    s.mode = "enforce";
    s.enforcing = true;
    s.uptime_s = 3700;
    s.interfaces = {{"eth0",
                     "native",
                     "libxdp dispatcher",
                     "the driver takes it",
                     {{"pass", 12345}, {"drop_ban", 7}}}};
    s.transport = "ring";
    s.bans_active = s.bans_enforced = 1;
    s.requests = 20;
    s.reload = reload;
    return s;
  }
  Result<ApiWhy> why(const IpAddress& ip) override {
    ApiWhy w;
    w.ip = ip;
    w.source = source_of(ip, 64);
    if (ip == *IpAddress::parse("192.0.2.1")) w.allow = "default gateway";
    if (ip == *IpAddress::parse("198.51.100.8")) {  // trusted, with some points
      w.score = 80;
      w.threshold = 130;
      w.threshold_bonus = 30;
    }
    if (ip != *IpAddress::parse("198.51.100.7")) return w;
    w.blocked = true;
    w.action = "block";
    w.origin = "detector";
    w.until_us = 1767773350123456;
    w.seconds_left = 582;
    w.handle = 9;
    w.score = 130;
    w.reasons = {{"campaign.prompt", 100}, {"path.fan-out", 30}};
    w.requests = {"POST /v1/chat/completions HTTP/1.1 \x1b[31mred"};
    ApiDecision d;
    d.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    d.action = "block";
    d.made_us = 1767772750123456;
    d.aims = {Aim::kFingerprinting};
    d.requests_seen = 2;
    w.decision = d;
    return w;
  }
  Result<ApiBans> bans(const std::optional<IpPrefix>& after, std::size_t limit) override {
    ApiBans page;
    page.total = ban_count;
    page.complete = complete;
    for (unsigned i = 0; i < ban_count; ++i) {
      ApiBan ban;
      ban.source = IpPrefix::of(IpAddress::from_v4(0x0a000000u + i), 32);
      if (after && !(*after < ban.source)) continue;
      if (page.bans.size() == limit) {
        page.next = page.bans.back().source;
        break;
      }
      ban.action = "block";
      ban.origin = "detector";
      ban.until_us = 4102444800000000;
      ban.seconds_left = 600;
      ban.score = 120;
      ban.rules = {{"campaign.prompt", 120}};
      if (i < feed_count) ban = feed_entry(ban.source);
      page.bans.push_back(ban);
    }
    return page;
  }
  Result<std::vector<ApiAllow>> allow() override {
    return std::vector<ApiAllow>{{*IpPrefix::parse("192.0.2.1"), "all", {"default gateway"}}};
  }
  Result<std::vector<ApiSourceRow>> sources(std::size_t) override {
    if (!ready) return fail(ExitStatus::kFailed, "the worker is starting");
    return std::vector<ApiSourceRow>{
        {*IpPrefix::parse("198.51.100.7"), 130, 2, 1, 2, {{"campaign.prompt", 100}}, 1}};
  }
  Result<std::vector<ApiServerRow>> servers() override {
    ApiServerRow open, closed;
    open.server = *IpAddress::parse("192.0.2.10");
    open.port = 11434;
    open.impl = "ollama";
    open.models = {"llama3.2:latest", "evil\x1b[2J"};
    open.first_seen_us = open.last_seen_us = open.since_us = open.at_us = 1767773350123456;
    open.answers = open.open_answers = 3;
    open.exposed = true;
    open.access = "generation";
    open.evidence = "POST /api/chat without a key from 198.51.100.7/32 was answered 200";
    open.fix = "bind it to this machine";
    open.source = *IpPrefix::parse("198.51.100.7");
    open.status = 200;
    closed.server = *IpAddress::parse("2001:db8::5");
    closed.port = 8000;
    closed.impl = "vllm";
    closed.answers = closed.refusals = 2;
    closed.first_seen_us = closed.last_seen_us = 1767773350123456;
    return std::vector<ApiServerRow>{open, closed};
  }
  Result<std::string> config_toml() override { return "mode = \"enforce\"\n"; }
  std::string metrics_text() override {
    return "# HELP probewall_up Up.\n# TYPE probewall_up gauge\nprobewall_up 1\n";
  }

  static ApiBan feed_entry(const IpPrefix& source) {
    ApiBan ban;
    ban.source = source;
    ban.action = "block";
    ban.origin = "feed";
    ban.note = "seed";
    ban.until_us = kNoEnd;
    ban.seconds_left = UINT64_MAX;
    return ban;
  }

  unsigned ban_count = 3;
  bool complete = true;
  unsigned feed_count = 0;  ///< so many of the bans, the first, are a feed's
  std::atomic<bool> ready{true};
};

/// The guard's end of admin.sock: takes each request, answers what `answer` says.
class AdminSocket {
 public:
  using Answer = std::function<std::vector<admin::Reply>(const admin::Request&)>;

  AdminSocket(const std::string& path, Answer answer) : answer_(std::move(answer)) {
    fd_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    EXPECT_EQ(pipe(stop_), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~AdminSocket() {
    EXPECT_EQ(write(stop_[1], "x", 1), 1);
    thread_.join();
    for (const int fd : {fd_, stop_[0], stop_[1]}) close(fd);
  }
  std::vector<admin::Request> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  unsigned connections() {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

 private:
  void serve() {
    for (;;) {
      pollfd waiters[2] = {{fd_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
      if (poll(waiters, 2, -1) < 0 || waiters[1].revents != 0) return;
      const int client = accept(fd_, nullptr, nullptr);
      {
        const std::lock_guard lock(mutex_);
        ++connections_;
      }
      admin::Request request;
      while (recv(client, &request, sizeof request, 0) == sizeof request) {
        {
          const std::lock_guard lock(mutex_);
          seen_.push_back(request);
        }
        for (const auto& reply : answer_(request)) {
          const auto sent = send(client, &reply, sizeof reply, MSG_NOSIGNAL);
          EXPECT_TRUE(sent == 256 || errno == EPIPE) << "only a client that left goes unanswered";
        }
      }
      close(client);
    }
  }

  Answer answer_;
  int fd_ = -1;
  int stop_[2] = {-1, -1};
  std::mutex mutex_;
  std::vector<admin::Request> seen_;
  unsigned connections_ = 0;
  std::thread thread_;
};

inline admin::Reply reply(ExitStatus status, std::uint32_t count, const char* message = "") {
  admin::Reply r;
  r.exit_status = static_cast<std::uint32_t>(status);
  r.count = count;
  std::strncpy(r.message, message, sizeof r.message - 1);
  return r;
}

}  // namespace probewall::test
