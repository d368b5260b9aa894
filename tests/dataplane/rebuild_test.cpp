// SPDX-License-Identifier: Apache-2.0
// Starting on pins of another shape, and on pins of which somebody removed one.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "dataplane/lab.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;
using lab::Lab;

const char* const kBlocked[] = {"198.51.100.9", "10.1.0.0/16", "2001:db8::9", "2001:db8:1::/48"};

pw_block_entry drop_for_good() {
  pw_block_entry entry{};
  entry.action = PW_ACTION_DROP;
  entry.expires_s = PW_NEVER_EXPIRES;
  return entry;
}

std::string pin_of(const Lab& lab, const std::string& name) {
  return lab.pin_directory() + "/v1/" + name;
}

/// Programs on g0 with blocks in force, and nobody at home.
void leave_running(const Lab& lab) {
  const auto first = lab.start(lab.config());
  for (const char* text : kBlocked)
    ASSERT_TRUE(first->blocks().put(*IpPrefix::parse(text), drop_for_good()));
  ASSERT_TRUE(first->attach("g0"));
}

/// What another version, whose programs are not these, may have pinned under that name.
void pin_another_shape(const Lab& lab, const std::string& name) {
  const UniqueFd strange{bpf_map_create(BPF_MAP_TYPE_HASH, "strange", 12, 20, 7, nullptr)};
  ASSERT_TRUE(!fs::exists(pin_of(lab, name)) || unlink(pin_of(lab, name).c_str()) == 0);
  ASSERT_EQ(bpf_obj_pin(strange.get(), pin_of(lab, name).c_str()), 0);
}

bool holds(Dataplane& dataplane, const char* text) {
  const auto entry = dataplane.blocks().get(*IpPrefix::parse(text));
  return entry && entry->has_value();
}

bool says(const Dataplane& dataplane, const std::string& words) {
  for (const auto& line : dataplane.rebuilt().lines) {
    if (line.find(words) != std::string::npos) return true;
  }
  return false;
}

std::vector<std::string> former_pins(const Lab& lab) {
  std::vector<std::string> out;
  for (const auto& pin : fs::directory_iterator{lab.pin_directory() + "/v1"}) {
    if (pin.path().native().ends_with("_old")) out.push_back(pin.path().filename());
  }
  return out;
}

class AnotherShape : public testing::TestWithParam<const char*> {};

TEST_P(AnotherShape, IsReplacedWithTheProgramsAndWhatCanBeReadStays) {
  const Lab lab;
  leave_running(lab);
  const auto before = lab::xdp_program_id("g0");
  const std::string name = GetParam();
  pin_another_shape(lab, name);

  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(lab::xdp_program_id("g0"), before) << "the programs go on until they are replaced";
  EXPECT_TRUE(says(**again, name)) << name;
  EXPECT_FALSE(former_pins(lab).empty());
  for (const char* text : kBlocked) {
    const bool v4 = text[3] == '.' && std::string{text}.find('/') == std::string::npos;
    const bool v6 = std::string{text} == "2001:db8::9";
    const bool gone =
        (name == "pw_block_ip4" && v4) || (name == "pw_block_ip6" && v6) ||
        (name == "pw_block_prefix" && std::string{text}.find('/') != std::string::npos);
    EXPECT_EQ(holds(**again, text), !gone) << text;
    EXPECT_TRUE(!gone || (*again)->rebuilt().blocks_lost);
  }
  const auto report = (*again)->attach("g0");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->replaced);
  (*again)->keep_resized_tables();
  EXPECT_EQ(former_pins(lab), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Maps, AnotherShape,
                         testing::Values("pw_block_front4", "pw_block_front6", "pw_block_gate",
                                         "pw_block_ip4", "pw_block_ip6", "pw_block_prefix",
                                         "pw_settings", "pw_ports", "pw_allow_lpm4",
                                         "pw_allow_lpm6", "pw_allow_hints"),
                         [](const auto& info) { return std::string{info.param}; });

class FillsItselfAgain : public testing::TestWithParam<const char*> {};

TEST_P(FillsItselfAgain, IsReplacedInAnotherShape) {
  const Lab lab;
  leave_running(lab);
  pin_another_shape(lab, GetParam());

  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  for (const char* text : kBlocked) EXPECT_TRUE(holds(**again, text)) << text;
  EXPECT_TRUE((*again)->attach("g0"));
}

INSTANTIATE_TEST_SUITE_P(Maps, FillsItselfAgain,
                         testing::Values("pw_flows", "pw_sources", "pw_rings", "pw_need_wake",
                                         "pw_perf", "pw_skip", "pw_synack", "pw_unproven",
                                         "pw_counters"),
                         [](const auto& info) { return std::string{info.param}; });

TEST(Rebuild, AllowEntriesThatCanBeReadAreInTheNewTableBeforeProgramsAre) {
  const Lab lab;
  const auto prefix = *IpPrefix::parse("198.51.100.0/24");
  ASSERT_TRUE(lab.start(lab.config())->allow_put(prefix, {PW_ALLOW_ALL, PW_ALLOW_OPERATOR, {}}));
  pin_another_shape(lab, "pw_allow_lpm6");

  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE((*again)->rebuilt().any);
  const auto entry = pinned_allow(lab.pin_directory(), *IpAddress::parse("198.51.100.1"));
  EXPECT_TRUE(entry && entry->has_value());
}

TEST(Rebuild, StartThatFailsGivesTheFormerTablesTheirPinsBack) {
  const Lab lab;
  leave_running(lab);
  pin_another_shape(lab, "pw_block_front4");
  {
    const auto failing = Dataplane::open(lab.config());
    ASSERT_TRUE(failing) << failing.error().message;
    (*failing)->undo_resized_tables();
  }

  EXPECT_EQ(former_pins(lab), std::vector<std::string>{});
  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  for (const char* text : kBlocked) EXPECT_TRUE(holds(**again, text)) << text;
}

TEST(Rebuild, StartThatDiedHalfWayIsTakenUpByTheNext) {
  const Lab lab;
  leave_running(lab);
  pin_another_shape(lab, "pw_block_front4");
  ASSERT_TRUE(Dataplane::open(lab.config()));
  // As if it had died before it filled them.
  for (const char* name : {"pw_block_ip4", "pw_block_ip6", "pw_block_prefix", "pw_block_gate"})
    ASSERT_EQ(unlink(pin_of(lab, name).c_str()), 0);

  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  for (const char* text : kBlocked) EXPECT_TRUE(holds(**again, text)) << text;
}

TEST(Rebuild, BlockTableWhosePinIsGoneIsTakenFromTheAttachedPrograms) {
  const Lab lab;
  leave_running(lab);
  for (const char* name : {"pw_block_ip4", "pw_block_prefix"})
    ASSERT_EQ(unlink(pin_of(lab, name).c_str()), 0);

  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  for (const char* text : kBlocked) EXPECT_TRUE(holds(**again, text)) << text;
  EXPECT_TRUE(says(**again, "pw_block_ip4, pw_block_prefix"));
  EXPECT_FALSE((*again)->rebuilt().blocks_lost);
}

TEST(Rebuild, BlockTableThatIsGoneForGoodIsSaid) {
  const Lab lab;
  {
    const auto first = lab.start(lab.config());
    for (const char* text : kBlocked)
      ASSERT_TRUE(first->blocks().put(*IpPrefix::parse(text), drop_for_good()));
  }
  ASSERT_EQ(unlink(pin_of(lab, "pw_block_ip4").c_str()), 0);

  const auto again = Dataplane::open(lab.config());

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(holds(**again, "198.51.100.9"));
  EXPECT_TRUE(holds(**again, "10.1.0.0/16"));
  EXPECT_TRUE(holds(**again, "2001:db8::9"));
  EXPECT_TRUE((*again)->rebuilt().any);
  EXPECT_TRUE((*again)->rebuilt().blocks_lost);
  EXPECT_TRUE(says(**again, "pw_block_ip4 (its pin was gone)"));
}

}  // namespace
}  // namespace probewall
