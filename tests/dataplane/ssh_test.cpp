// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "dataplane/lab.hpp"
#include "dataplane/network_watch.hpp"
#include "dataplane/process.hpp"
#include "dataplane/traffic.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;
using lab::Lab;
using lab::Process;

constexpr std::uint16_t kPort = 2222;

/// A real sshd in the gateway, with keys of its own.
class SshPeers : public testing::Test {
 protected:
  void SetUp() override {
    home = fs::path{lab.pin_directory()}.parent_path().parent_path() / "ssh";
    fs::create_directories(home);
    fs::create_directories("/run/sshd");  // sshd's own privilege separation directory
    for (const char* key : {"host", "user"}) {
      lab::run("ssh-keygen -q -t ed25519 -N '' -f " + (home / key).string());
    }
    fs::permissions(home / "user.pub", fs::perms{0644});
    std::ofstream{home / "config"}
        << "Port " << kPort << "\nHostKey " << (home / "host").string() << "\nAuthorizedKeysFile "
        << (home / "user.pub").string()
        << "\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
           "PasswordAuthentication yes\n";
    sshd = std::make_unique<Process>(
        lab.gateway(),
        std::vector<std::string>{"/usr/sbin/sshd", "-D", "-e", "-f", home / "config"});
    ASSERT_TRUE(sshd->wait_for_output("listening on :: port"));
  }

  /// `more`: options, then the remote command.
  std::vector<std::string> ssh(const std::string& who, std::vector<std::string> more) const {
    std::vector<std::string> out{"ssh",
                                 "-F",
                                 "none",
                                 "-i",
                                 home / "user",
                                 "-p",
                                 std::to_string(kPort),
                                 "-o",
                                 "StrictHostKeyChecking=no",
                                 "-o",
                                 "UserKnownHostsFile=/dev/null",
                                 "-o",
                                 "LogLevel=ERROR"};
    out.push_back(who);  // ssh takes options after the destination too
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  static bool holds(const char* peer, const std::vector<std::uint16_t>& ports = {kPort}) {
    const auto found = never_block_from_ssh(ports);
    EXPECT_TRUE(found);
    return std::any_of(found->begin(), found->end(), [&](const NeverBlock& n) {
      return n.prefix == IpPrefix::parse(peer) && n.entry.scope == PW_ALLOW_SSH_PORT &&
             n.entry.reason == PW_ALLOW_SSH_PEER;
    });
  }

  Lab lab;
  fs::path home;
  std::unique_ptr<Process> sshd;
};

TEST_F(SshPeers, LoggedInUserIsFoundForTheSshPortOnly) {
  ASSERT_FALSE(holds("10.77.0.2"));

  Process session{lab.client(), ssh("root@10.77.0.1", {"echo ready; cat"})};
  ASSERT_TRUE(session.wait_for_output("ready"));

  EXPECT_TRUE(holds("10.77.0.2"));
  EXPECT_FALSE(holds("10.77.0.2", {22})) << "not a session on that port";
}

TEST_F(SshPeers, SessionOfAnUnprivilegedUserWithoutCommandIsFoundOverIpv6) {
  Process session{lab.client(), ssh("nobody@fd77::1", {"-N", "-o", "PermitLocalCommand=yes", "-o",
                                                       "LocalCommand=echo ready"})};
  ASSERT_TRUE(session.wait_for_output("ready"));
  // The client hears of its login a moment before sshd has renamed itself.
  while (!holds("fd77::2")) std::this_thread::yield();
  EXPECT_FALSE(holds("10.77.0.2"));
}

TEST_F(SshPeers, OpenConnectionWithoutLoginIsNotFound) {
  const auto connection = lab::connect_from(lab.server(), "10.78.0.1", kPort);
  ASSERT_EQ(lab::receive(connection, 8), "SSH-2.0-");
  EXPECT_FALSE(holds("10.78.0.2"));
}

TEST_F(SshPeers, ValidUserAtThePasswordPromptIsNotFound) {
  const fs::path asked = home / "asked", never = home / "never", script = home / "askpass";
  ASSERT_EQ(mkfifo(asked.c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(never.c_str(), 0600), 0);
  // `cat` ends with this process, however that ends: ssh does not take its prompt along.
  const UniqueFd held{open(never.c_str(), O_RDWR | O_CLOEXEC)};
  ASSERT_TRUE(held);
  std::ofstream{script} << "#!/bin/sh\necho asked >" << asked.string() << "\ncat " << never.string()
                        << "\n";
  fs::permissions(script, fs::perms{0700});
  const Process session{
      lab.server(),
      ssh("root@10.78.0.1", {"-o", "PubkeyAuthentication=no", "true"}),
      {"SSH_ASKPASS=" + script.string(), "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"}};

  std::string line;
  std::getline(std::ifstream{asked}, line);  // the prompt is on
  ASSERT_EQ(line, "asked");

  EXPECT_FALSE(holds("10.78.0.2"));
}

TEST_F(SshPeers, PeerOfAForwardedPortIsNotTakenForTheUser) {
  Process session{lab.client(), ssh("root@10.77.0.1",
                                    {"-L", "10.77.0.2:9000:10.78.0.2:9000", "echo ready; cat"})};
  ASSERT_TRUE(session.wait_for_output("ready"));
  const auto listener = lab::listen_in(lab.server(), "10.78.0.2", 9000);
  const auto tunnel = lab::connect_from(lab.client(), "10.77.0.2", 9000);
  const auto far_end = lab::accept_one(listener);  // sshd now holds a socket to 10.78.0.2

  EXPECT_TRUE(holds("10.77.0.2"));
  EXPECT_FALSE(holds("10.78.0.2"));
}

}  // namespace
}  // namespace probewall
