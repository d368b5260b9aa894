// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <future>

#include "control/admin_client.hpp"
#include "control/api_client.hpp"
#include "unit/ops_daemon.hpp"

namespace probewall {
namespace {

using test::AdminSocket;
using test::FixedSource;
using test::reply;
using test::TempDirectory;

class Server : public testing::Test {
 protected:
  void start() {
    ASSERT_TRUE(server_.bind_unix(path(), static_cast<gid_t>(-1)));
    server_.start();
  }
  std::string path() const { return directory_.file("control.sock"); }
  ApiClient client() const { return ApiClient(path()); }

  TempDirectory directory_;
  FixedSource source_;
  EventTail tail_;
  ApiServer server_{source_, tail_};
};

/// Sends `request` as it is and reads until the server closes.
std::string raw(int fd, const std::string& request) {
  EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(n));
  close(fd);
  return answer;
}

int connect_tcp(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

int connect_unix_stream(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST_F(Server, AnswersEveryReadOverTheUnixSocket) {
  start();

  EXPECT_NE(client().get("/v1/status")->find("\"pid\":4711"), std::string::npos);
  EXPECT_NE(client().get("/v1/why?ip=198.51.100.7")->find("\"blocked\":true"), std::string::npos);
  EXPECT_NE(client().get("/v1/allow")->find("default gateway"), std::string::npos);
  EXPECT_NE(client().get("/v1/sources?n=5")->find("\"score\":130"), std::string::npos);
  EXPECT_NE(client().get("/v1/config")->find(R"({"toml":"mode = \"enforce\"\n"})"),
            std::string::npos);
  EXPECT_NE(client().get("/metrics")->find("probewall_up 1"), std::string::npos);
}

TEST_F(Server, BansComeInPages) {
  start();
  source_.ban_count = 5;

  const auto first = client().get("/v1/bans?limit=3");
  const auto second = client().get("/v1/bans?limit=3&after=10.0.0.2/32");

  EXPECT_NE(first->find("\"total\":5,\"next\":\"10.0.0.2/32\""), std::string::npos) << *first;
  EXPECT_NE(second->find("10.0.0.4/32"), std::string::npos);
  EXPECT_NE(second->find("\"next\":null"), std::string::npos);
}

TEST_F(Server, AnErrorSaysWhatIsWrong) {
  start();
  source_.ready = false;

  EXPECT_EQ(client().get("/v1/why?ip=nonsense").error().message,
            "probewalld answered 400: ip must be an address, e.g. /v1/why?ip=198.51.100.7");
  EXPECT_NE(client().get("/v1/bans?limit=0").error().message.find("400"), std::string::npos);
  EXPECT_NE(client().get("/v2").error().message.find("404"), std::string::npos);
  EXPECT_EQ(client().get("/v1/sources").error().message,
            "probewalld answered 503: the worker is starting");
}

TEST_F(Server, TheSocketFileIsForOwnerAndGroupOnly) {
  start();
  struct stat status {};

  ASSERT_EQ(stat(path().c_str(), &status), 0);

  EXPECT_EQ(status.st_mode & 07777, 0660u);
}

TEST_F(Server, AStaleSocketFileIsReplacedALiveOneIsNot) {
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(fd);  // as after kill -9: the file stays
  }
  start();
  ApiServer second(source_, tail_);

  const auto taken = second.bind_unix(path(), static_cast<gid_t>(-1));

  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("another probewalld listens"), std::string::npos);
  EXPECT_TRUE(client().get("/v1/status")) << "the first one still answers";
}

TEST_F(Server, SomethingElseInTheSocketsPlaceIsLeftAlone) {
  close(open(path().c_str(), O_CREAT | O_WRONLY, 0600));

  const auto bound = server_.bind_unix(path(), static_cast<gid_t>(-1));

  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find("is no socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(Server, StoppingRemovesTheSocketFileAndEndsFollowers) {
  start();
  std::promise<void> first_line;
  auto follower = std::async(std::launch::async, [&] {
    bool told = false;
    return client().stream("/v1/events?follow=1", [&](std::string_view) {
      if (!std::exchange(told, true)) first_line.set_value();
      return true;
    });
  });
  tail_.push("{\"n\":1}");
  first_line.get_future().wait();

  server_.stop();

  (void)follower.get();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Server, EventsAreTheLastLinesAndFollowingGoesOn) {
  start();
  tail_.push("{\"n\":1}\n");
  tail_.push("{\"n\":2}\n");

  EXPECT_EQ(client().get("/v1/events").value(), "{\"n\":1}\n{\"n\":2}\n");
  std::vector<std::string> lines;
  const auto streamed = client().stream("/v1/events?follow=1", [&](std::string_view line) {
    lines.emplace_back(line);
    if (lines.size() == 2) tail_.push("{\"n\":3}\n");
    return lines.size() < 3;
  });

  EXPECT_TRUE(streamed);
  EXPECT_EQ(lines, (std::vector<std::string>{"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"}));
}

TEST_F(Server, FollowersCannotTakeAllThreads) {
  start();
  tail_.push("{\"n\":1}");
  std::vector<int> followers;
  for (unsigned i = 0; i < ApiServer::kMaxFollowers; ++i) {
    followers.push_back(connect_unix_stream(path()));
    const std::string request = "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(send(followers.back(), request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    char byte = 0;
    ASSERT_EQ(recv(followers.back(), &byte, 1, 0), 1) << "it is being served";
  }

  const auto one_more = client().get("/v1/events?follow=1");
  const auto other = client().get("/v1/status");

  ASSERT_FALSE(one_more);
  EXPECT_NE(one_more.error().message.find("503"), std::string::npos);
  EXPECT_TRUE(other);
  for (const int fd : followers) close(fd);
}

TEST_F(Server, RequestsAreBoundedInSize) {
  start();
  std::string head = "GET /v1/status HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i)
    head += "X-" + std::to_string(i) + ": " + std::string(100, 'a') + "\r\n";

  const int fd = connect_unix_stream(path());
  (void)!send(fd, head.data(), head.size(), MSG_NOSIGNAL);
  char buffer[256];
  while (recv(fd, buffer, sizeof buffer, 0) > 0) {
  }
  close(fd);

  EXPECT_TRUE(client().get("/v1/status")) << "the server goes on";
}

TEST_F(Server, OnlyGetIsAnswered) {
  start();

  const std::string answer =
      raw(connect_unix_stream(path()),
          "POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");

  EXPECT_EQ(answer.rfind("HTTP/1.1 404", 0), 0u) << answer;
  EXPECT_EQ(answer.find("4711"), std::string::npos);
}

TEST_F(Server, MetricsAndApiAreServedOnLoopbackTcp) {
  const auto port = server_.bind_tcp("127.0.0.1:0");
  ASSERT_TRUE(port) << port.error().message;
  server_.start();
  const std::string host = "Host: 127.0.0.1:" + std::to_string(*port) + "\r\n\r\n";

  EXPECT_NE(raw(connect_tcp(*port), "GET /metrics HTTP/1.1\r\n" + host).find("probewall_up 1"),
            std::string::npos);
  EXPECT_NE(raw(connect_tcp(*port), "GET /v1/status HTTP/1.1\r\n" + host).find("4711"),
            std::string::npos);
}

TEST_F(Server, AForeignHostNameOnLoopbackIsRefused) {
  const auto port = server_.bind_tcp("127.0.0.1:0");
  ASSERT_TRUE(port);
  server_.start();

  const std::string answer =
      raw(connect_tcp(*port), "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n");

  EXPECT_EQ(answer.rfind("HTTP/1.1 403", 0), 0u) << answer;
}

TEST_F(Server, AnAddressThatIsNotLoopbackServesMetricsOnly) {
  const auto port = server_.bind_tcp("0.0.0.0:0");
  ASSERT_TRUE(port) << port.error().message;
  server_.start();

  EXPECT_NE(raw(connect_tcp(*port), "GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n")
                .find("probewall_up 1"),
            std::string::npos);
  EXPECT_EQ(raw(connect_tcp(*port), "GET /v1/status HTTP/1.1\r\nHost: gateway\r\n\r\n")
                .rfind("HTTP/1.1 404", 0),
            0u);
}

TEST_F(Server, APortInUseIsAnErrorThatNamesIt) {
  const auto port = server_.bind_tcp("127.0.0.1:0");
  ASSERT_TRUE(port);
  server_.start();
  ApiServer second(source_, tail_);

  const auto taken = second.bind_tcp("127.0.0.1:" + std::to_string(*port));

  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find(std::to_string(*port)), std::string::npos);
}

TEST(ApiClient, NobodyListeningIsUnreachable) {
  const TempDirectory directory;

  const auto body = ApiClient(directory.file("none.sock")).get("/v1/status");

  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().status, ExitStatus::kUnreachable);
  EXPECT_NE(body.error().message.find("probewalld is not running"), std::string::npos);
}

TEST(AdminClient, CarriesTheRequestAndReturnsTheLastReply) {
  const TempDirectory directory;
  AdminSocket guard(directory.file("admin.sock"), [](const admin::Request&) {
    auto entry = reply(ExitStatus::kOk, 0);
    entry.more = 1;
    return std::vector{entry, entry, reply(ExitStatus::kOk, 2, "done")};
  });
  unsigned entries = 0;

  const auto last = AdminClient(directory.file("admin.sock"))
                        .call(admin_request(admin::Op::kBanAdd, *IpPrefix::parse("2001:db8::/48"),
                                            60, std::string(500, 'r')),
                              [&](const admin::Reply&) { ++entries; });

  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ(entries, 2u);
  EXPECT_EQ(last->count, 2u);
  const auto seen = guard.seen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].prefix_len, 48u);
  EXPECT_EQ(seen[0].seconds, 60u);
  EXPECT_EQ(std::strlen(seen[0].reason), 119u) << "cut to its field";
}

TEST(AdminClient, ARefusalKeepsItsStatusAndWords) {
  const TempDirectory directory;
  AdminSocket guard(directory.file("admin.sock"), [](const admin::Request&) {
    return std::vector{reply(ExitStatus::kRefused, 0, "192.0.2.1 is the default gateway")};
  });

  const auto refused =
      AdminClient(directory.file("admin.sock")).call(admin_request(admin::Op::kBanAdd));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, ExitStatus::kRefused);
  EXPECT_EQ(refused.error().message, "192.0.2.1 is the default gateway");
}

TEST(AdminClient, AConnectionClosedWithoutAnswerIsUnreachable) {
  const TempDirectory directory;
  AdminSocket guard(directory.file("admin.sock"),
                    [](const admin::Request&) { return std::vector<admin::Reply>{}; });

  const auto nothing =
      AdminClient(directory.file("admin.sock")).call(admin_request(admin::Op::kStatus));

  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().status, ExitStatus::kUnreachable);
}

}  // namespace
}  // namespace probewall
