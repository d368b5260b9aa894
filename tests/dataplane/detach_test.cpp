// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <filesystem>

#include "dataplane/lab.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;
using lab::Lab;

/// Somebody else's filter, before ours in order.
void add_foreign_filter(const std::string& interface) {
  const UniqueFd program{lab::load_stranger(false, "other_filter")};
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  hook.attach_point = BPF_TC_INGRESS;
  bpf_tc_hook_create(&hook);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.prog_fd = program.get();
  options.handle = 1;
  options.priority = 1;
  ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
}

std::string ingress_filters(const std::string& interface) {
  return lab::output_of("tc filter show dev " + interface + " ingress");
}

TEST(Detach, LeavesNothingOnTheInterface) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  ASSERT_TRUE(lab::has_clsact("g0"));

  const auto detached = dataplane->detach("g0");

  ASSERT_TRUE(detached) << detached.error().message;
  EXPECT_EQ(lab::xdp_program_id("g0"), 0u);
  EXPECT_FALSE(lab::has_clsact("g0"));
  EXPECT_FALSE(fs::exists(lab.pin_directory() + "/v1/link_xdp_g0"));
}

TEST(Detach, OfWhatIsNotAttachedSucceeds) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  EXPECT_TRUE(dataplane->detach("g0"));
}

TEST(Detach, LeavesOtherPeoplesFiltersAndTheirQdisc) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  add_foreign_filter("g0");
  ASSERT_TRUE(dataplane->attach("g0"));
  ASSERT_NE(ingress_filters("g0").find("pw_tc_in"), std::string::npos);
  ASSERT_NE(ingress_filters("g0").find("other_filter"), std::string::npos);

  ASSERT_TRUE(dataplane->detach("g0"));

  EXPECT_EQ(ingress_filters("g0").find("pw_tc_in"), std::string::npos);
  EXPECT_NE(ingress_filters("g0").find("other_filter"), std::string::npos);
}

TEST(Detach, KeepsItsOwnQdiscWhileSomebodyElseUsesIt) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  ASSERT_TRUE(dataplane->attach("g0"));
  add_foreign_filter("g0");

  ASSERT_TRUE(dataplane->detach("g0"));

  EXPECT_TRUE(lab::has_clsact("g0"));
  EXPECT_NE(ingress_filters("g0").find("other_filter"), std::string::npos);
}

TEST(Detach, KeepsAnEmptyQdiscThatWasThereBefore) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  lab::run("tc qdisc add dev g0 clsact");
  ASSERT_TRUE(dataplane->attach("g0"));

  ASSERT_TRUE(dataplane->detach("g0"));

  EXPECT_TRUE(lab::has_clsact("g0"));
}

TEST(PinnedState, ShowsAttachmentsAndModeWithTheDaemonDead) {
  const Lab lab;
  Config config = lab.config();
  config.xdp.mode = XdpMode::kNative;
  {
    const auto dataplane = lab.start(config);
    ASSERT_TRUE(dataplane->attach("g0"));
    ASSERT_TRUE(dataplane->set_enforcing(false));
  }

  const auto attachments = pinned_attachments(lab.pin_directory());
  const auto enforcing = pinned_enforcing(lab.pin_directory());

  ASSERT_TRUE(attachments) << attachments.error().message;
  ASSERT_EQ(attachments->size(), 1u);
  EXPECT_EQ(attachments->front().interface, "g0");
  EXPECT_TRUE(attachments->front().xdp);
  EXPECT_TRUE(attachments->front().native);
  EXPECT_TRUE(attachments->front().tc);
  ASSERT_TRUE(enforcing) << enforcing.error().message;
  EXPECT_FALSE(*enforcing);
}

TEST(PinnedState, OfANeverStartedInstanceIsEmptyAndHasNoMode) {
  const Lab lab;
  const auto attachments = pinned_attachments(lab.pin_directory());
  ASSERT_TRUE(attachments);
  EXPECT_TRUE(attachments->empty());
  EXPECT_FALSE(pinned_enforcing(lab.pin_directory()));
}

TEST(DetachEverything, WorksFromThePinsAloneAndRemovesThem) {
  const Lab lab;
  {
    const auto dataplane = lab.start(lab.config());
    lab::put_on_hook(lab, lab.config(), "g1", AttachKind::kNetlink);
    for (const char* interface : {"g0", "g1", "lo"}) ASSERT_TRUE(dataplane->attach(interface));
  }

  const auto detached = detach_everything(lab.pin_directory());

  ASSERT_TRUE(detached) << detached.error().message;
  EXPECT_EQ(*detached, 3u);
  for (const char* interface : {"g0", "g1", "lo"}) {
    EXPECT_EQ(lab::xdp_program_id(interface), 0u);
    EXPECT_FALSE(lab::has_clsact(interface));
  }
  EXPECT_FALSE(fs::exists(lab.pin_directory()));
}

TEST(DetachEverything, LeavesWhatIsNotOursAmongThePinsAndStartsWork) {
  const Lab lab;
  const std::string directory = lab.pin_directory() + "/v1/somebody", pin = directory + "s_map";
  {
    const auto first = lab.start(lab.config());
    ASSERT_TRUE(first->attach("g0"));
    ASSERT_TRUE(std::filesystem::create_directory(directory));
    const UniqueFd map{bpf_map_create(BPF_MAP_TYPE_ARRAY, "theirs", 4, 4, 1, nullptr)};
    ASSERT_EQ(bpf_obj_pin(map.get(), pin.c_str()), 0);
  }
  const auto told = "not Probewall's, left alone: " + directory + ", " + pin;
  EXPECT_EQ(foreign_pins(lab.pin_directory()), told);
  {
    const auto second = Dataplane::open(lab.config());
    ASSERT_TRUE(second) << second.error().message;
    ASSERT_TRUE((*second)->attach("g0"));
  }

  const auto detached = detach_everything(lab.pin_directory());

  ASSERT_TRUE(detached) << detached.error().message;
  EXPECT_EQ(*detached, 1u);
  EXPECT_EQ(lab::xdp_program_id("g0"), 0u);
  EXPECT_EQ(foreign_pins(lab.pin_directory()), told);
  EXPECT_TRUE(Dataplane::open(lab.config()));
}

TEST(DetachEverything, ReachesLinksOfOtherNamespaces) {
  const Lab lab;
  lab::in_namespace(lab.server(), [&] {
    const auto dataplane = lab.start(lab.config());
    lab::put_on_hook(lab, lab.config(), "s0", AttachKind::kLink);
  });

  const auto detached = detach_everything(lab.pin_directory());

  ASSERT_TRUE(detached) << detached.error().message;
  lab::in_namespace(lab.server(), [] { EXPECT_EQ(lab::xdp_program_id("s0"), 0u); });
}

TEST(DetachEverything, LeavesForeignProgramsAndSucceedsWithoutPins) {
  const Lab lab;
  lab.start(lab.config());
  const UniqueFd stranger{lab::load_stranger(true, "stranger")};
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(if_nametoindex("g0")), stranger.get(),
                           XDP_FLAGS_SKB_MODE, nullptr),
            0);

  EXPECT_EQ(*detach_everything(lab.pin_directory()), 0u);
  EXPECT_NE(lab::xdp_program_id("g0"), 0u);
  EXPECT_EQ(*detach_everything(lab.pin_directory()), 0u);
}

}  // namespace
}  // namespace probewall
