// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dataplane/lab.hpp"
#include "dataplane/traffic.hpp"

namespace probewall {
namespace {

using lab::Lab;

/// Listening family, client's target, source to end.
struct Case {
  const char* name;
  const char* listen;
  const char* target;
  const char* source;
};
class DestroySockets : public testing::TestWithParam<Case> {};

TEST_P(DestroySockets, EndsTheSourcesConnectionsAtOnce) {
  const auto& [name, listen, target, source] = GetParam();
  const Lab lab;
  const auto listener = lab::listen_in(lab.gateway(), listen, 11434);
  const auto first = lab::connect_from(lab.client(), target, 11434);
  const auto first_server = lab::accept_one(listener);
  const auto second = lab::connect_from(lab.client(), target, 11434);
  const auto second_server = lab::accept_one(listener);

  const auto ended = destroy_sockets(*IpPrefix::parse(source));

  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(*ended, 2u);
  EXPECT_EQ(lab::wait_for_end(first), ECONNRESET);
  EXPECT_EQ(lab::wait_for_end(second), ECONNRESET);
  EXPECT_EQ(lab::wait_for_end(first_server), ECONNABORTED);
  EXPECT_EQ(lab::wait_for_end(second_server), ECONNABORTED);
  // The listener lives on.
  const auto third = lab::connect_from(lab.client(), target, 11434);
  EXPECT_TRUE(lab::accept_one(listener));
}

TEST_P(DestroySockets, LeavesOtherSourcesAlone) {
  const auto& [name, listen, target, source] = GetParam();
  const Lab lab;
  const auto listener = lab::listen_in(lab.gateway(), listen, 11434);
  const auto client = lab::connect_from(lab.client(), target, 11434);
  const auto server = lab::accept_one(listener);

  EXPECT_EQ(*destroy_sockets(*IpPrefix::parse("203.0.113.0/24")), 0u);
  EXPECT_EQ(*destroy_sockets(*IpPrefix::parse("2001:db8::/32")), 0u);

  lab::send_text(client, "still here");
  EXPECT_EQ(lab::receive(server, 10), "still here");
}

TEST_P(DestroySockets, LeavesOtherPortsAlone) {
  const auto& [name, listen, target, source] = GetParam();
  const Lab lab;
  const auto llm = lab::listen_in(lab.gateway(), listen, 11434);
  const auto other = lab::listen_in(lab.gateway(), listen, 2222);
  const auto chat = lab::connect_from(lab.client(), target, 11434);
  const auto chat_server = lab::accept_one(llm);
  const auto shell = lab::connect_from(lab.client(), target, 2222);
  const auto shell_server = lab::accept_one(other);

  EXPECT_EQ(*destroy_sockets(*IpPrefix::parse(source), {.every = false, .listed = {11434}}), 1u);

  EXPECT_EQ(lab::wait_for_end(chat), ECONNRESET);
  lab::send_text(shell, "still here");
  EXPECT_EQ(lab::receive(shell_server, 10), "still here");
}

TEST_P(DestroySockets, EndsTheOneConnectionThatIsNamed) {
  const auto& [name, listen, target, source] = GetParam();
  const Lab lab;
  const auto listener = lab::listen_in(lab.gateway(), listen, 11434);
  const auto named = lab::connect_from(lab.client(), target, 11434);
  const auto named_server = lab::accept_one(listener);
  const auto other = lab::connect_from(lab.client(), target, 11434);
  const auto other_server = lab::accept_one(listener);
  const auto client = IpAddress::parse(IpPrefix::parse(source)->is_v4() ? "10.77.0.2" : "fd77::2");
  const auto flow =
      FlowKey{*client, *IpAddress::parse(target), lab::local_port(named), 11434}.to_abi();

  EXPECT_TRUE(*destroy_socket(flow));

  EXPECT_EQ(lab::wait_for_end(named), ECONNRESET);
  EXPECT_FALSE(*destroy_socket(flow)) << "it is gone";
  lab::send_text(other, "still here");
  EXPECT_EQ(lab::receive(other_server, 10), "still here");
  const auto later = lab::connect_from(lab.client(), target, 11434);
  EXPECT_TRUE(lab::accept_one(listener)) << "the listener lives on";
}

INSTANTIATE_TEST_SUITE_P(Families, DestroySockets,
                         testing::Values(Case{"V4", "0.0.0.0", "10.77.0.1", "10.77.0.2"},
                                         Case{"V4Mapped", "::", "10.77.0.1", "10.77.0.2"},
                                         Case{"V6", "::", "fd77::1", "fd77::/64"}),
                         [](const auto& info) { return std::string{info.param.name}; });

struct Forwarded {
  const char* name;
  const char* server;
  const char* source;
};
class ResetForwarded : public testing::TestWithParam<Forwarded> {};

TEST_P(ResetForwarded, EndsTheStreamOfAServerBehindUs) {
  const auto& [name, address, source] = GetParam();
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  const auto listener = lab::listen_in(lab.server(), "::", 11434);
  const auto client = lab::connect_from(lab.client(), address, 11434);
  const auto server = lab::accept_one(listener);
  const std::string request = "POST /api/generate HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
  lab::send_text(client, request);
  ASSERT_EQ(lab::receive(server, request.size()), request);
  lab::send_text(server, "HTTP/1.1 200 OK\r\n\r\ntoken");
  ASSERT_EQ(lab::receive(client, 24).size(), 24u);
  EXPECT_EQ(*destroy_sockets(*IpPrefix::parse(source)), 0u) << "nothing local to end";

  const auto flows = dataplane->flows_of(*IpPrefix::parse(source));
  ASSERT_TRUE(flows) << flows.error().message;
  ASSERT_EQ(flows->size(), 1u);
  ASSERT_TRUE((*flows)[0].flow.out_flags & PW_FLOW_ACK_SEEN);
  const auto sent = reset_forwarded(*flows);

  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->ended, 1u);
  EXPECT_EQ(sent->missed, 0u);
  EXPECT_EQ(lab::wait_for_end(server), ECONNRESET);
}

TEST_P(ResetForwarded, SendsNothingToServersThatAreLocalOrWithoutAcknowledgment) {
  const auto& [name, address, source] = GetParam();
  const Lab lab;
  FlowEntry local, silent;
  const bool v4 = IpPrefix::parse(source)->is_v4();
  local.key = FlowKey{*IpAddress::parse(v4 ? "10.77.0.2" : "fd77::2"),
                      *IpAddress::parse(v4 ? "10.77.0.1" : "fd77::1"), 40000, 11434}
                  .to_abi();
  local.flow.out_flags = PW_FLOW_ACK_SEEN;
  silent.key = FlowKey{*IpAddress::parse(v4 ? "10.77.0.2" : "fd77::2"), *IpAddress::parse(address),
                       40000, 11434}
                   .to_abi();

  const auto reset = reset_forwarded({local, silent});

  ASSERT_TRUE(reset) << reset.error().message;
  EXPECT_EQ(reset->ended, 0u);
  EXPECT_EQ(reset->missed, 1u) << "the local one is for destroy_sockets";
}

TEST_P(ResetForwarded, SaysWhenAResetCouldNotBeSent) {
  const Lab lab;
  const bool v4 = IpPrefix::parse(GetParam().source)->is_v4();
  FlowEntry unreachable;
  unreachable.key = FlowKey{*IpAddress::parse(v4 ? "10.77.0.2" : "fd77::2"),
                            *IpAddress::parse(v4 ? "203.0.113.9" : "2001:db8::9"), 40000, 11434}
                        .to_abi();
  unreachable.flow.out_flags = PW_FLOW_ACK_SEEN;

  const auto reset = reset_forwarded({unreachable});

  ASSERT_TRUE(reset) << reset.error().message;
  EXPECT_EQ(reset->ended, 0u);
  EXPECT_EQ(reset->missed, 1u);
}

TEST_P(ResetForwarded, FlowsOfAnotherSourceAreNotFound) {
  const auto& [name, address, source] = GetParam();
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  const auto listener = lab::listen_in(lab.server(), "::", 11434);
  const auto client = lab::connect_from(lab.client(), address, 11434);
  const auto server = lab::accept_one(listener);
  lab::send_text(client, "GET / HTTP/1.1\r\n\r\n");
  ASSERT_EQ(lab::receive(server, 18).size(), 18u);

  EXPECT_EQ(dataplane->flows_of(*IpPrefix::parse(source))->size(), 1u);
  EXPECT_TRUE(dataplane->flows_of(*IpPrefix::parse("198.51.100.0/24"))->empty());
  EXPECT_TRUE(dataplane->flows_of(*IpPrefix::parse("2001:db8::/32"))->empty());
}

TEST_P(ResetForwarded, ReachesAServerBehindAPublishedPort) {
  const bool v4 = IpPrefix::parse(GetParam().source)->is_v4();
  const std::string family = v4 ? "ip" : "ip6", ours = v4 ? "10.77.0.1" : "fd77::1";
  const std::string to = v4 ? "10.78.0.2" : "[fd78::2]";
  const Lab lab;
  lab::run("nft 'add table " + family + " lab; add chain " + family +
           " lab pre { type nat hook prerouting priority -100; }; add rule " + family +
           " lab pre tcp dport 11434 dnat to " + to + ":8000'");
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  const auto listener = lab::listen_in(lab.server(), "::", 8000);
  const auto client = lab::connect_from(lab.client(), ours, 11434);
  const auto server = lab::accept_one(listener);
  lab::send_text(client, "GET / HTTP/1.1\r\n\r\n");
  ASSERT_EQ(lab::receive(server, 18).size(), 18u);
  lab::send_text(server, "HTTP/1.1 200 OK\r\n\r\ntoken");
  ASSERT_EQ(lab::receive(client, 24).size(), 24u);
  EXPECT_EQ(*destroy_sockets(*IpPrefix::parse(GetParam().source)), 0u);

  const auto flows = dataplane->flows_of(*IpPrefix::parse(GetParam().source));
  ASSERT_EQ(flows->size(), 1u);
  ASSERT_EQ(FlowKey::from_abi((*flows)[0].key).server.to_string(), ours);
  const auto sent = reset_forwarded(*flows);

  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->ended, 1u);
  EXPECT_EQ(sent->missed, 0u);
  EXPECT_EQ(lab::wait_for_end(server), ECONNRESET);
}

TEST_P(ResetForwarded, EndsASocketOfOursBehindARedirectedPort) {
  const bool v4 = IpPrefix::parse(GetParam().source)->is_v4();
  const std::string family = v4 ? "ip" : "ip6", ours = v4 ? "10.77.0.1" : "fd77::1";
  const Lab lab;
  lab::run("nft 'add table " + family + " lab; add chain " + family +
           " lab pre { type nat hook prerouting priority -100; }; add rule " + family +
           " lab pre tcp dport 11434 redirect to :8000'");
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  const auto listener = lab::listen_in(lab.gateway(), "::", 8000);
  const auto client = lab::connect_from(lab.client(), ours, 11434);
  const auto server = lab::accept_one(listener);
  lab::send_text(client, "GET / HTTP/1.1\r\n\r\n");
  ASSERT_EQ(lab::receive(server, 18).size(), 18u);
  const auto source = *IpPrefix::parse(GetParam().source);
  EXPECT_EQ(*destroy_sockets(source, {.every = false, .listed = {11434}}), 0u);

  const auto ended = reset_forwarded(*dataplane->flows_of(source));

  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(ended->ended, 1u);
  EXPECT_EQ(lab::wait_for_end(client), ECONNRESET);
}

INSTANTIATE_TEST_SUITE_P(Families, ResetForwarded,
                         testing::Values(Forwarded{"V4", "10.78.0.2", "10.77.0.2"},
                                         Forwarded{"V6", "fd78::2", "fd77::/64"}),
                         [](const auto& info) { return std::string{info.param.name}; });

}  // namespace
}  // namespace probewall
