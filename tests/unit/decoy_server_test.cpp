// SPDX-License-Identifier: Apache-2.0
#include "daemon/decoy_server.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace probewall {
namespace {

/// A port nobody listens on at the moment.
std::uint16_t free_port() {
  const UniqueFd fd{socket(AF_INET6, SOCK_STREAM, 0)};
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  socklen_t size = sizeof any;
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
  return ntohs(any.sin6_port);
}

UniqueFd connect_v4(std::uint16_t port) {
  UniqueFd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  return fd;
}

class Decoy : public testing::Test {
 protected:
  Decoy() : loop_(std::move(*EventLoop::create())), port_(free_port()) {
    auto server = DecoyServer::bind({port_});
    EXPECT_TRUE(server.has_value()) << server.error().message;
    server_ = std::move(*server);
    EXPECT_TRUE(server_->serve(loop_).has_value());
  }
  /// Reads until the server closes its side; the loop turns meanwhile.
  std::string answer(const UniqueFd& fd) {
    std::string text;
    for (int rounds = 0; rounds < 1000; ++rounds) {
      EXPECT_TRUE(loop_.run_once(std::chrono::milliseconds{1}).has_value());
      char bytes[512];
      const auto n = recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (n == 0) return text + "<end>";
      if (n > 0) text.append(bytes, static_cast<std::size_t>(n));
    }
    return text;
  }
  void say(const UniqueFd& fd, std::string_view text) {
    ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void turn() {
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(loop_.run_once(std::chrono::milliseconds{1}).has_value());
  }

  EventLoop loop_;
  std::uint16_t port_;
  std::unique_ptr<DecoyServer> server_;
};

TEST_F(Decoy, AnswersARequestWith404AndCloses) {
  const auto client = connect_v4(port_);
  say(client, "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto text = answer(client);
  EXPECT_TRUE(text.starts_with("HTTP/1.1 404 Not Found\r\n")) << text;
  EXPECT_TRUE(text.ends_with("<end>"));
  const auto body = text.substr(text.find("\r\n\r\n") + 4);
  EXPECT_NE(text.find("Content-Length: " + std::to_string(body.size() - 5) + "\r\n"),
            std::string::npos);
}

TEST_F(Decoy, WaitsForTheWholeHeadHoweverItIsCut) {
  const auto client = connect_v4(port_);
  for (const char c : std::string_view{"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r"}) {
    say(client, {&c, 1});
    turn();
    char byte;
    ASSERT_EQ(recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
    ASSERT_EQ(errno, EAGAIN);
  }
  say(client, "\nabc");
  EXPECT_TRUE(answer(client).starts_with("HTTP/1.1 404"));
}

TEST_F(Decoy, PostWithBodyGetsItsAnswerWithoutAReset) {
  const auto client = connect_v4(port_);
  say(client, "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 20000\r\n\r\n");
  turn();
  say(client, std::string(20000, 'x'));
  EXPECT_TRUE(answer(client).ends_with("<end>"));
}

TEST_F(Decoy, ClosesConnectionsOverTheBound) {
  std::vector<UniqueFd> clients;
  for (std::size_t i = 0; i < DecoyServer::kMaxClients + 3; ++i) {
    clients.push_back(connect_v4(port_));
    ASSERT_TRUE(loop_.run_once(std::chrono::milliseconds{1}).has_value());
  }
  turn();
  EXPECT_EQ(server_->refused(), 3u);
}

TEST(DecoyBind, PortInUseIsNamed) {
  const auto port = free_port();
  const auto first = DecoyServer::bind({port});
  ASSERT_TRUE(first.has_value());
  const auto second = DecoyServer::bind({port});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find(std::to_string(port)), std::string::npos);
}

}  // namespace
}  // namespace probewall
