// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/dispatcher.hpp"
#include "dataplane/lab.hpp"
#include "dataplane/object_set.hpp"
#include "dataplane/record_reader.hpp"
#include "dataplane/traffic.hpp"

namespace probewall {
namespace {

using lab::Lab;

Config with_mode(const Lab& lab, XdpMode mode) {
  Config c = lab.config();
  c.xdp.mode = mode;
  return c;
}

std::uint32_t link_id(const Lab& lab, const std::string& interface) {
  const UniqueFd fd{bpf_obj_get((lab.pin_directory() + "/v1/link_xdp_" + interface).c_str())};
  bpf_link_info info{};
  __u32 length = sizeof info;
  return bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 ? info.id : 0;
}

pw_block_entry drop_for_good() {
  pw_block_entry entry{};
  entry.expires_s = PW_NEVER_EXPIRES;
  entry.action = PW_ACTION_DROP;
  entry.origin = PW_ORIGIN_OPERATOR;
  return entry;
}

TEST(Attach, ChoosesGenericOnVethByItselfAndSaysWhy) {
  const Lab lab;
  const auto dataplane = lab.start(with_mode(lab, XdpMode::kAuto));

  const auto report = dataplane->attach("g0");

  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->native);
  EXPECT_FALSE(report->replaced);
  EXPECT_EQ(report->ifindex, if_nametoindex("g0"));
  EXPECT_NE(report->why.find("veth"), std::string::npos) << report->why;
  EXPECT_NE(lab::xdp_program_id("g0"), 0u);
  EXPECT_FALSE(lab::xdp_is_native("g0"));
}

TEST(Attach, TakesNativeOnVethWhenAskedFor) {
  const Lab lab;
  const auto dataplane = lab.start(with_mode(lab, XdpMode::kNative));

  const auto report = dataplane->attach("g0");

  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->native);
  EXPECT_TRUE(lab::xdp_is_native("g0"));
}

TEST(Attach, FallsBackToGenericWhenTheDriverRefusesNative) {
  const Lab lab;
  const auto dataplane = lab.start(with_mode(lab, XdpMode::kAuto));

  const auto report = dataplane->attach("lo");

  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->native);
  EXPECT_NE(report->why.find("native"), std::string::npos) << report->why;
}

TEST(Attach, RefusedNativeIsAnErrorThatNamesTheCauseAndLeavesNothing) {
  const Lab lab;
  const auto dataplane = lab.start(with_mode(lab, XdpMode::kNative));

  const auto report = dataplane->attach("lo");

  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("native"), std::string::npos) << report.error().message;
  EXPECT_NE(report.error().message.find("xdp.mode"), std::string::npos) << report.error().message;
  EXPECT_EQ(lab::xdp_program_id("lo"), 0u);
  EXPECT_FALSE(lab::has_clsact("lo"));
}

TEST(Attach, UnknownInterfaceIsAnErrorThatNamesIt) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());

  const auto report = dataplane->attach("nosuch0");

  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("nosuch0"), std::string::npos);
}

TEST(Attach, SaysWhichKindHoldsAndWhyItIsNotTheDispatcher) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());

  const auto report = dataplane->attach("g0");

  ASSERT_TRUE(report) << report.error().message;
  if (dispatcher_possible()) {
    EXPECT_EQ(report->kind, AttachKind::kDispatcher) << report->why;
    EXPECT_TRUE(dispatcher_programs(report->ifindex));
  } else {
    EXPECT_EQ(report->kind, AttachKind::kLink);
    EXPECT_NE(report->why.find("BPF_PROG_TYPE_EXT"), std::string::npos) << report->why;
  }
}

/// How an earlier start left the program: in the kernel's preferred way, or in one of the others.
enum class Left : std::uint8_t { kAsAttached, kLink, kNetlink };
struct Before {
  const char* name;
  XdpMode mode;
  Left left;
};
class Restart : public testing::TestWithParam<Before> {
 protected:
  /// Attaches as the case says; the kind that a restart must keep.
  static AttachKind leave_attached(const Lab& lab, Dataplane& dataplane, const Config& config) {
    if (GetParam().left == Left::kAsAttached) return dataplane.attach("g0")->kind;
    const AttachKind kind =
        GetParam().left == Left::kLink ? AttachKind::kLink : AttachKind::kNetlink;
    lab::put_on_hook(lab, config, "g0", kind);
    return kind;
  }
};

TEST_P(Restart, ReplacesTheProgramInKindAndMode) {
  const Lab lab;
  const Config config = with_mode(lab, GetParam().mode);
  const AttachKind kind = leave_attached(lab, *lab.start(config), config);
  const auto program = lab::xdp_program_id("g0");
  const auto link = link_id(lab, "g0");
  ASSERT_NE(program, 0u);

  const auto report = lab.start(config)->attach("g0");

  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->replaced);
  EXPECT_EQ(report->kind, kind);
  EXPECT_EQ(report->native, GetParam().mode == XdpMode::kNative);
  EXPECT_NE(lab::xdp_program_id("g0"), program);
  EXPECT_EQ(link_id(lab, "g0"), link);
  if (kind == AttachKind::kDispatcher) {
    EXPECT_EQ(dispatcher_programs(report->ifindex)->size(), 1u) << "the old program left";
  }
}

TEST(Attach, KeepsTheRunningModeWhenAnotherIsConfiguredAndSaysSo) {
  const Lab lab;
  ASSERT_TRUE(lab.start(with_mode(lab, XdpMode::kNative))->attach("g0"));

  const auto report = lab.start(with_mode(lab, XdpMode::kGeneric))->attach("g0");

  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->native);
  EXPECT_NE(report->why.find("probewall detach"), std::string::npos) << report->why;
}

TEST(Attach, ForeignProgramIsRefusedByNameAndLeftUntouched) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  const UniqueFd stranger{lab::load_stranger(true, "stranger")};
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(if_nametoindex("g0")), stranger.get(),
                           XDP_FLAGS_SKB_MODE, nullptr),
            0);
  const auto before = lab::xdp_program_id("g0");

  const auto report = dataplane->attach("g0");

  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().status, ExitStatus::kFailed);
  const std::string& text = report.error().message;
  EXPECT_NE(text.find("stranger"), std::string::npos) << text;
  EXPECT_NE(text.find("bpftool prog show id " + std::to_string(before)), std::string::npos) << text;
  EXPECT_NE(text.find("tag "), std::string::npos) << text;
  EXPECT_EQ(lab::xdp_program_id("g0"), before);
  EXPECT_FALSE(lab::has_clsact("g0"));
}

TEST(Attach, JoinsAForeignDispatcherAndIsRefusedByAForeignProgramWithoutOne) {
  const Lab lab;
  Config other = lab.config();
  other.paths.pin_directory += "-other";  // other maps, so a stranger to us
  const auto first = lab.start(other);
  auto strangers = ObjectSet::open(other, other.paths.pin_directory + "/v1", 0);
  ASSERT_TRUE(strangers);
  const auto index = if_nametoindex("g0");
  if (dispatcher_possible()) {
    const auto attached = dispatcher_attach(strangers->xdp_object(), "pw_xdp", index, false);
    ASSERT_TRUE(attached) << attached.error().message;
  } else {
    ASSERT_TRUE(strangers->load_xdp());
    ASSERT_EQ(
        bpf_xdp_attach(static_cast<int>(index), strangers->xdp_fd(), XDP_FLAGS_SKB_MODE, nullptr),
        0);
  }
  const auto before = lab::xdp_program_id("g0");

  const auto second = lab.start(lab.config());
  const auto report = second->attach("g0");

  if (!dispatcher_possible()) {
    ASSERT_FALSE(report);
    EXPECT_EQ(lab::xdp_program_id("g0"), before);
    return;
  }
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->kind, AttachKind::kDispatcher);
  EXPECT_EQ(dispatcher_programs(index)->size(), 2u);
  ASSERT_TRUE(second->detach("g0"));
  EXPECT_EQ(dispatcher_programs(index)->size(), 1u) << "the stranger stays";
}

TEST(Attach, FailedRestartPutsTheEarlierFiltersBack) {
  const Lab lab;
  {
    const auto first = lab.start(lab.config());
    lab::put_on_hook(lab, lab.config(), "g0", AttachKind::kNetlink);
    ASSERT_TRUE(first->attach("g0"));
  }
  // Somebody took our XDP program off and put his own there, while our tc filters stayed.
  ASSERT_EQ(bpf_xdp_detach(static_cast<int>(if_nametoindex("g0")), XDP_FLAGS_SKB_MODE, nullptr), 0);
  const UniqueFd stranger{lab::load_stranger(true, "stranger")};
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(if_nametoindex("g0")), stranger.get(),
                           XDP_FLAGS_SKB_MODE, nullptr),
            0);
  const auto filters = lab::output_of("tc filter show dev g0 egress");
  ASSERT_NE(filters.find("pw_tc_out"), std::string::npos) << filters;

  const auto report = lab.start(lab.config())->attach("g0");

  ASSERT_FALSE(report);
  EXPECT_EQ(lab::output_of("tc filter show dev g0 egress"), filters);
}

TEST(Attach, SlotOfAnInterfaceSurvivesRestartsInAnyOrder) {
  const Lab lab;
  unsigned g0 = 0, g1 = 0;
  {
    const auto first = lab.start(lab.config());
    g0 = first->attach("g0")->slot;
    g1 = first->attach("g1")->slot;
  }
  const auto second = lab.start(lab.config());
  EXPECT_NE(g0, g1);
  EXPECT_EQ(second->attach("g1")->slot, g1);
  EXPECT_EQ(second->attach("g0")->slot, g0);
}

TEST_P(Restart, LetsNoPacketOfABlockedSourceThrough) {
  const Lab lab;
  const Config config = with_mode(lab, GetParam().mode);
  auto running = lab.start(config);
  const AttachKind kind = leave_attached(lab, *running, config);
  ASSERT_TRUE(running->blocks().put(*IpPrefix::parse("10.77.0.2"), drop_for_good()));
  const auto counters = CounterView::map(running->worker_descriptors().counters);
  ASSERT_TRUE(counters);
  const auto dropped = [&] {
    return counters->sum(0).packets[PW_VERDICT_DROP_BAN][PW_FAMILY_IPV4];
  };
  const UniqueFd receiver{socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(9999);
  ASSERT_EQ(bind(receiver.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  const auto flood = std::make_unique<lab::Flood>(lab.client(), "10.77.0.1", 9999);

  for (int i = 0; i < 10; ++i) {
    const auto before = dropped();
    running.reset();  // as after kill -9: nothing is detached
    running = lab.start(config);
    const auto again = running->attach("g0");
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_TRUE(again->replaced);
    ASSERT_EQ(again->kind, kind);
    while (dropped() == before) std::this_thread::yield();
  }

  char datagram[16];
  EXPECT_EQ(recv(receiver.get(), datagram, sizeof datagram, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
}

INSTANTIATE_TEST_SUITE_P(
    EachKind, Restart,
    testing::Values(Before{"GenericAsAttached", XdpMode::kGeneric, Left::kAsAttached},
                    Before{"NativeAsAttached", XdpMode::kNative, Left::kAsAttached},
                    Before{"GenericLink", XdpMode::kGeneric, Left::kLink},
                    Before{"NativeLink", XdpMode::kNative, Left::kLink},
                    Before{"GenericNetlink", XdpMode::kGeneric, Left::kNetlink},
                    Before{"NativeNetlink", XdpMode::kNative, Left::kNetlink}),
    [](const auto& info) { return std::string{info.param.name}; });

}  // namespace
}  // namespace probewall
