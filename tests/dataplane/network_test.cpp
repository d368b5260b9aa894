// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>

#include "dataplane/lab.hpp"
#include "dataplane/local_addresses.hpp"
#include "dataplane/network_watch.hpp"

namespace probewall {
namespace {

using lab::Lab;

bool has(const std::vector<NeverBlock>& list, const char* prefix, pw_allow_reason reason) {
  return std::any_of(list.begin(), list.end(), [&](const NeverBlock& n) {
    return n.prefix == IpPrefix::parse(prefix) && n.entry.reason == reason &&
           n.entry.scope == PW_ALLOW_ALL;
  });
}

TEST(NeverBlock, HoldsOwnAddressesAndLoopbackOfBothFamilies) {
  const Lab lab;
  const auto list = never_block_from_network();
  ASSERT_TRUE(list) << list.error().message;
  for (const char* own : {"10.77.0.1", "10.78.0.1", "fd77::1", "fd78::1", "127.0.0.0/8", "::1"}) {
    EXPECT_TRUE(has(*list, own, PW_ALLOW_OWN_ADDRESS)) << own;
  }
  EXPECT_FALSE(has(*list, "10.77.0.2", PW_ALLOW_OWN_ADDRESS));
}

TEST(NeverBlock, HoldsDefaultGatewaysMultipathAndOtherFamilyHopsIncluded) {
  const Lab lab;
  lab::run("ip route add default nexthop via 10.77.0.250 dev g0 nexthop via 10.78.0.250 dev g1");
  lab::run("ip route add default via inet6 fd77::250 dev g0 metric 50");
  lab::run("ip -6 route add default via fd78::250 dev g1");
  lab::run("ip route add 192.0.2.0/24 via 10.77.0.9 dev g0");

  const auto list = never_block_from_network();

  ASSERT_TRUE(list);
  for (const char* hop : {"10.77.0.250", "10.78.0.250", "fd77::250", "fd78::250"}) {
    EXPECT_TRUE(has(*list, hop, PW_ALLOW_GATEWAY)) << hop;
  }
  EXPECT_FALSE(has(*list, "10.77.0.9", PW_ALLOW_GATEWAY)) << "not a default route";
}

TEST(NeverBlock, ReadsNameserversAsTheResolverDoes) {
  const auto found = nameservers_in(
      "# nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver\t2001:db8::53 # comment\n"
      "nameserverx 192.0.2.3\nnameserver fe80::1%eth0\nnameserver not.an.address\noptions edns0\n"
      "nameserver 192.0.2.4");
  std::vector<std::string> text;
  for (const auto& a : found) text.push_back(a.to_string());
  EXPECT_EQ(text, (std::vector<std::string>{"192.0.2.2", "2001:db8::53", "fe80::1", "192.0.2.4"}));
}

TEST(NetworkWatch, WakesOnAddressAndRouteChangesAndIsQuietAfterwards) {
  const Lab lab;
  const auto watch = NetworkWatch::open();
  ASSERT_TRUE(watch) << watch.error().message;
  (*watch)->drain();
  const auto ready = [&](int timeout_ms) {
    pollfd waiting{(*watch)->poll_fd(), POLLIN, 0};
    return poll(&waiting, 1, timeout_ms) == 1;
  };
  ASSERT_FALSE(ready(0));
  ASSERT_FALSE((*watch)->drain());

  for (const char* change :
       {"ip addr add 10.77.0.77/24 dev g0", "ip route add default via 10.77.0.2",
        "ip -6 addr add fd77::77/64 dev g0 nodad", "ip addr del 10.77.0.77/24 dev g0"}) {
    lab::run(change);
    EXPECT_TRUE(ready(30000)) << change;
    EXPECT_TRUE((*watch)->drain()) << change;
  }
  EXPECT_FALSE(ready(0));
}

}  // namespace
}  // namespace probewall
