// SPDX-License-Identifier: Apache-2.0
// The admin server over real sockets, in one thread: the test turns the loop.
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "daemon/admin_server.hpp"

namespace probewall {
namespace {

using admin::Op;
using admin::Reply;
using admin::Request;

class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() : loop_(std::move(*EventLoop::create())) {
    EXPECT_NE(mkdtemp(directory_), nullptr);
    chmod(directory_, 0755);
    options_.path = std::string{directory_} + "/admin.sock";
    options_.timeout = std::chrono::hours{1};
  }
  ~AdminServerTest() override {
    server_.reset();
    rmdir(directory_);
  }

  void listen() {
    auto server = AdminServer::listen(loop_, options_, [this](const Request& request) {
      last_ = request;
      ++orders_;
      Reply reply;
      reply.count = 42;
      set_message(reply, "done");
      return replies_ ? replies_() : single_reply(reply);
    });
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = std::move(*server);
  }
  UniqueFd connect() const {
    UniqueFd fd{socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options_.path.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return UniqueFd{};
    return fd;
  }
  void turn(int rounds = 8) {
    for (int i = 0; i < rounds; ++i)
      ASSERT_TRUE(loop_.run_once(std::chrono::milliseconds{0}).has_value());
  }
  std::optional<Reply> receive(const UniqueFd& fd) const {
    Reply reply;
    if (recv(fd.get(), &reply, sizeof reply, MSG_DONTWAIT) != sizeof reply) return std::nullopt;
    return reply;
  }
  bool closed(const UniqueFd& fd) const {
    char byte;
    return recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
  }
  static void order(const UniqueFd& fd, Op op) {
    Request request;
    request.op = static_cast<std::uint32_t>(op);
    ASSERT_EQ(send(fd.get(), &request, sizeof request, MSG_NOSIGNAL), ssize_t{sizeof request});
  }

  char directory_[32] = "/tmp/probewall-admin-XXXXXX";
  EventLoop loop_;
  AdminServer::Options options_;
  std::unique_ptr<AdminServer> server_;
  std::function<AdminReplies()> replies_;
  Request last_;
  int orders_ = 0;
};

TEST_F(AdminServerTest, AnswersOrdersUntilTheClientCloses) {
  listen();
  const auto client = connect();
  order(client, Op::kStatus);
  turn();
  const auto reply = receive(client);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->count, 42u);
  EXPECT_STREQ(reply->message, "done");
  EXPECT_FALSE(closed(client));
  EXPECT_EQ(last_.op, static_cast<std::uint32_t>(Op::kStatus));
  for (const auto op : {Op::kBanAdd, Op::kBanDelete, Op::kBanFlush}) order(client, op);
  for (int i = 0; i < 3; ++i) {  // sent ahead, answered one by one
    turn();
    EXPECT_TRUE(receive(client).has_value());
  }
  EXPECT_EQ(last_.op, static_cast<std::uint32_t>(Op::kBanFlush));
  EXPECT_EQ(orders_, 4);
  EXPECT_FALSE(closed(client));
}

TEST_F(AdminServerTest, SocketIsForOwnerAndGroupOnly) {
  listen();
  struct stat status {};
  ASSERT_EQ(stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
}

TEST_F(AdminServerTest, DropsMessagesOfAnotherSizeOrMagicUnread) {
  listen();
  for (const std::size_t size : {std::size_t{1}, sizeof(Request) - 1, sizeof(Request) + 1}) {
    const auto client = connect();
    const std::string bytes(size, 'x');
    ASSERT_EQ(send(client.get(), bytes.data(), size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
    turn();
    EXPECT_TRUE(closed(client)) << size;
  }
  const auto client = connect();
  Request request;
  request.magic = 0;
  ASSERT_EQ(send(client.get(), &request, sizeof request, MSG_NOSIGNAL), ssize_t{sizeof request});
  turn();
  EXPECT_TRUE(closed(client));
  EXPECT_EQ(orders_, 0);
}

TEST_F(AdminServerTest, ReasonComesPrintableAndTerminated) {
  listen();
  const auto client = connect();
  Request request;
  request.op = static_cast<std::uint32_t>(Op::kBanAdd);
  std::memset(request.reason, 'a', sizeof request.reason);
  std::memcpy(request.reason, "x\n\x1b[2J", 6);
  ASSERT_EQ(send(client.get(), &request, sizeof request, MSG_NOSIGNAL), ssize_t{sizeof request});
  turn();
  EXPECT_EQ(std::string(last_.reason, 6), "x??[2J");
  EXPECT_EQ(last_.reason[sizeof last_.reason - 1], '\0');
}

TEST_F(AdminServerTest, ReplyThatIsNotKnownYetComesWhenItIs) {
  std::optional<Reply> known;
  replies_ = [&known] { return AdminReplies{[&known] { return known; }}; };
  options_.timeout = std::chrono::milliseconds{0};
  listen();
  const auto client = connect();
  order(client, Op::kReload);
  turn();
  EXPECT_FALSE(receive(client).has_value());
  server_->expire_clients();  // who waits for us is not late
  turn();

  known.emplace().count = 7;
  server_->resume();
  turn();

  const auto reply = receive(client);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->count, 7u);
  EXPECT_FALSE(closed(client));
}

TEST_F(AdminServerTest, ClientThatLeavesWhileItWaitsIsForgotten) {
  replies_ = [] { return AdminReplies{[] { return std::optional<Reply>{}; }}; };
  options_.max_clients = 1;
  listen();
  {
    const auto client = connect();
    order(client, Op::kReload);
    turn();
  }
  turn();

  replies_ = {};
  const auto next = connect();
  order(next, Op::kStatus);
  turn();
  EXPECT_TRUE(receive(next).has_value());
}

TEST_F(AdminServerTest, LongListArrivesWholeAtASlowReader) {
  constexpr std::uint32_t kEntries = 20'000;  // many times the socket's buffer
  replies_ = [] {
    return AdminReplies{[next = std::uint32_t{0}]() mutable {
      Reply reply;
      reply.count = next;
      reply.more = next++ < kEntries ? 1 : 0;
      return reply;
    }};
  };
  listen();
  const auto client = connect();
  order(client, Op::kBanList);
  std::uint32_t got = 0;
  bool last = false;
  for (int rounds = 0; rounds < 100'000 && !last; ++rounds) {
    turn(1);
    for (int burst = 0; burst < 7; ++burst) {
      const auto reply = receive(client);
      if (!reply) break;
      ASSERT_EQ(reply->count, got++);
      last = reply->more == 0;
    }
  }
  EXPECT_TRUE(last);
  EXPECT_EQ(got, kEntries + 1);
}

TEST_F(AdminServerTest, ClientsOverTheBoundAreToldSo) {
  options_.max_clients = 2;
  listen();
  const auto one = connect();
  const auto two = connect();
  const auto three = connect();
  turn();
  const auto reply = receive(three);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->exit_status, static_cast<std::uint32_t>(ExitStatus::kFailed));
  order(one, Op::kStatus);
  turn();
  EXPECT_TRUE(receive(one).has_value());
}

TEST_F(AdminServerTest, SilentClientsAreDroppedAfterTheirTime) {
  options_.timeout = std::chrono::milliseconds{0};
  listen();
  const auto client = connect();
  turn();
  EXPECT_FALSE(closed(client));
  server_->expire_clients();
  EXPECT_TRUE(closed(client));
}

/// Connects and orders as another user; returns the exit status the server answered.
int order_as(uid_t uid, gid_t gid, gid_t extra, const std::string& path, EventLoop& loop) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(1, &extra) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
      _exit(99);
    UniqueFd fd{socket(AF_UNIX, SOCK_SEQPACKET, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(98);
    Request request;
    request.op = static_cast<std::uint32_t>(Op::kStatus);
    send(fd.get(), &request, sizeof request, MSG_NOSIGNAL);
    Reply reply;
    // Refused before it was read, the request leaves a reset in front of the answer.
    auto n = recv(fd.get(), &reply, sizeof reply, 0);
    if (n < 0 && errno == ECONNRESET) n = recv(fd.get(), &reply, sizeof reply, 0);
    _exit(n == sizeof reply ? static_cast<int>(reply.exit_status) : 97);
  }
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (!loop.run_once(std::chrono::milliseconds{10})) break;
  }
  return WEXITSTATUS(status);
}

TEST_F(AdminServerTest, OnlyRootAndTheGroupMaySpeakAndTheWorkersUserNever) {
  ASSERT_EQ(geteuid(), 0u) << "this suite runs as root";
  constexpr gid_t kGroup = 54321;
  constexpr uid_t kWorker = 54320, kMember = 54322, kStranger = 54323;
  constexpr gid_t kOther = 54324;
  options_.group = kGroup;
  options_.refused_uid = kWorker;
  listen();
  const int denied = static_cast<int>(ExitStatus::kPermission);
  EXPECT_EQ(order_as(0, kOther, kOther, options_.path, loop_), 0);
  EXPECT_EQ(order_as(kMember, kGroup, kOther, options_.path, loop_), 0) << "by its group";
  EXPECT_EQ(order_as(kMember, kOther, kGroup, options_.path, loop_), 0)
      << "by a supplementary group";
  EXPECT_EQ(order_as(kWorker, kGroup, kGroup, options_.path, loop_), denied)
      << "whatever its groups";
  EXPECT_EQ(order_as(kStranger, kOther, kOther, options_.path, loop_), 98)
      << "the file mode keeps it out";
  chmod(options_.path.c_str(), 0666);
  EXPECT_EQ(order_as(kStranger, kOther, kOther, options_.path, loop_), denied)
      << "and so does the server";
}

}  // namespace
}  // namespace probewall
