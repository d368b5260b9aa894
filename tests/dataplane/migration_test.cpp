// SPDX-License-Identifier: Apache-2.0
// Starting on what versions with plain hash and LPM block tables left behind.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "dataplane/kernel_clock.hpp"
#include "dataplane/lab.hpp"
#include "dataplane/unique_fd.hpp"
#include "support/reference_block_table.hpp"
#include "xdp_reference.skel.h"

namespace probewall {
namespace {

namespace fs = std::filesystem;
using lab::Lab;

/// Pins tables as those versions did and puts `count` addresses and prefixes of each family there.
std::vector<std::pair<IpPrefix, pw_block_entry>> leave_plain_tables(const std::string& directory,
                                                                    unsigned count) {
  fs::create_directories(directory + "/v1");
  const std::string root = directory + "/v1";
  LIBBPF_OPTS(bpf_object_open_opts, options);
  options.pin_root_path = root.c_str();
  const std::unique_ptr<xdp_reference_bpf, decltype(&xdp_reference_bpf::destroy)> programs{
      xdp_reference_bpf::open(&options), &xdp_reference_bpf::destroy};
  // Those of the other steps were as they are; only the block tables stay pinned here.
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, programs->obj) {
    const std::string name = bpf_map__name(map);
    if (name.rfind("pw_block_", 0) != 0) bpf_map__set_pin_path(map, nullptr);
  }
  EXPECT_EQ(xdp_reference_bpf::load(programs.get()), 0);
  auto table = ReferenceBlockTable::open(directory, false);
  EXPECT_TRUE(table);
  std::vector<std::pair<IpPrefix, pw_block_entry>> left;
  for (unsigned i = 0; i < count; ++i) {
    for (const auto& text :
         {"198.51." + std::to_string(i) + ".7", "10." + std::to_string(i) + ".0.0/16",
          "2001:db8:" + std::to_string(i) + "::7",
          "2001:db8:" + std::to_string(i) + ":8000::/49"}) {
      pw_block_entry entry{};
      entry.action = static_cast<__u8>(PW_ACTION_DROP + i % 3);
      entry.expires_s = i % 2 == 0 ? PW_NEVER_EXPIRES : boottime_seconds() + 1000 + i;
      entry.handle = 100 + i;
      entry.origin = i % PW_ORIGIN_COUNT;
      const auto prefix = *IpPrefix::parse(text);
      EXPECT_TRUE(table->put(prefix, entry));
      left.emplace_back(prefix, entry);
    }
  }
  return left;
}

TEST(Migration, TakesOverEveryEntryOfPlainTablesAndTheirPlace) {
  const Lab lab;
  const auto left = leave_plain_tables(lab.pin_directory(), 200);

  const auto dataplane = lab.start(lab.config());

  for (const auto& [prefix, entry] : left) {
    const auto now = dataplane->blocks().get(prefix);
    ASSERT_TRUE(now && *now) << prefix.to_string();
    EXPECT_EQ((*now)->action, entry.action) << prefix.to_string();
    EXPECT_EQ((*now)->expires_s, entry.expires_s) << prefix.to_string();
    EXPECT_EQ((*now)->handle, entry.handle) << prefix.to_string();
    EXPECT_EQ((*now)->origin, entry.origin) << prefix.to_string();
  }
  EXPECT_EQ(dataplane->blocks().size(), left.size());
  for (const char* name : {"pw_block_v4", "pw_block_v6", "pw_block_lpm4", "pw_block_lpm6"}) {
    EXPECT_FALSE(fs::exists(lab.pin_directory() + "/v1/" + name)) << name;
  }
}

TEST(Migration, KeepsPlainTablesThatDoNotFit) {
  const Lab lab;
  const auto left = leave_plain_tables(lab.pin_directory(), 200);
  Config small = lab.config();
  small.block.max_prefixes = 100;

  const auto opened = Dataplane::open(small);

  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("block.max_prefixes"), std::string::npos);
  EXPECT_TRUE(fs::exists(lab.pin_directory() + "/v1/pw_block_lpm4"));
  const auto again = lab.start(lab.config());
  EXPECT_EQ(again->blocks().size(), left.size());
}

TEST(Migration, PrefiltersOfEarlierVersionsGoWhenTheirProgramsAreReplaced) {
  const Lab lab;
  fs::create_directories(lab.pin_directory() + "/v1");
  const std::string former[] = {"pw_block_hints", "pw_block_near", "pw_block_far", "pw_block_short",
                                "pw_block_shape"};
  for (const auto& name : former) {
    const UniqueFd map{bpf_map_create(BPF_MAP_TYPE_ARRAY, name.c_str(), 4, 8, 1, nullptr)};
    ASSERT_EQ(bpf_obj_pin(map.get(), (lab.pin_directory() + "/v1/" + name).c_str()), 0);
  }

  const auto dataplane = lab.start(lab.config());

  for (const auto& name : former) EXPECT_TRUE(fs::exists(lab.pin_directory() + "/v1/" + name));
  dataplane->keep_resized_tables();
  for (const auto& name : former) EXPECT_FALSE(fs::exists(lab.pin_directory() + "/v1/" + name));
}

}  // namespace
}  // namespace probewall
