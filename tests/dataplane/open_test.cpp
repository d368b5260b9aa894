// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "dataplane/lab.hpp"
#include "dataplane/mapped_map.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/abi/block_table.h"
#include "probewall/abi/counters.h"

namespace probewall {
namespace {

namespace fs = std::filesystem;
using lab::Lab;

pw_block_entry drop_for_good() {
  pw_block_entry entry{};
  entry.expires_s = PW_NEVER_EXPIRES;
  entry.action = PW_ACTION_DROP;
  return entry;
}

TEST(Open, WithoutBpffsSaysHowToMountIt) {
  const Lab lab;
  Config config = lab.config();
  config.paths.pin_directory =
      fs::path{lab.pin_directory()}.parent_path().parent_path() / "plain" / "pw";

  const auto opened = Dataplane::open(config);

  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("mount -t bpf bpf"), std::string::npos)
      << opened.error().message;
  EXPECT_EQ(opened.error().message.find('\n'), std::string::npos);
}

TEST(Open, WithoutCapabilitiesIsAPermissionErrorThatNamesThem) {
  const Lab lab;
  const pid_t child = fork();
  if (child == 0) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
    syscall(SYS_capset, &header, none);
    const auto opened = Dataplane::open(lab.config());
    const bool good = !opened && opened.error().status == ExitStatus::kPermission &&
                      opened.error().message.find("CAP_BPF and CAP_NET_ADMIN") != std::string::npos;
    _exit(good ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Open, CreatesThePinDirectoryForRootOnly) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  for (const auto& path : {lab.pin_directory(), lab.pin_directory() + "/v1"}) {
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u) << path;
  }
}

TEST(Open, SecondInstanceOnTheSamePinsIsRefusedWhileTheFirstLives) {
  const Lab lab;
  auto first = lab.start(lab.config());

  const auto second = Dataplane::open(lab.config());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another probewalld"), std::string::npos);

  first.reset();
  EXPECT_TRUE(Dataplane::open(lab.config()));
}

TEST(Open, LeavesNoPinsWhenTheProgramsCannotBeLoaded) {
  const Lab lab;
  Config config = lab.config();
  config.block.max_prefixes = 0xffffffffu;  // more than the kernel gives a hash table

  const auto opened = Dataplane::open(config);

  ASSERT_FALSE(opened);
  EXPECT_FALSE(fs::exists(lab.pin_directory()));
}

TEST(Open, KeepsBlocksAllowsAndSeedFromThePins) {
  const Lab lab;
  const auto prefix = *IpPrefix::parse("198.51.100.7");
  pw_settings before{};
  {
    const auto first = lab.start(lab.config());
    ASSERT_TRUE(first->blocks().put(prefix, drop_for_good()));
    before = *first->settings();
  }
  const auto second = lab.start(lab.config());

  const auto entry = second->blocks().get(prefix);
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ((*entry)->action, PW_ACTION_DROP);
  EXPECT_NE(before.hash_seed[0] | before.hash_seed[1], 0u);
  EXPECT_EQ(second->settings()->hash_seed[0], before.hash_seed[0]);
}

TEST(Open, CarriesBlocksOverWhenTheTableIsResized) {
  const Lab lab;
  const char* const prefixes[] = {"198.51.100.7", "198.51.100.0/24", "2001:db8::1",
                                  "2001:db8::/64"};
  {
    const auto first = lab.start(lab.config());
    for (const char* p : prefixes)
      ASSERT_TRUE(first->blocks().put(*IpPrefix::parse(p), drop_for_good()));
  }
  Config larger = lab.config();
  larger.block.max_addresses *= 4;
  larger.block.max_prefixes *= 4;

  const auto second = lab.start(larger);

  for (const char* p : prefixes) {
    const auto entry = second->blocks().get(*IpPrefix::parse(p));
    ASSERT_TRUE(entry) << entry.error().message;
    EXPECT_TRUE(entry->has_value()) << p;
  }
  EXPECT_FALSE(fs::exists(lab.pin_directory() + "/v1/pw_block_prefix_new"));
}

TEST(Open, RefusesATableTooSmallForTheBlocksInForceAndKeepsThem) {
  const Lab lab;
  {
    const auto first = lab.start(lab.config());
    for (int i = 1; i <= 3; ++i) {
      const auto prefix = *IpPrefix::parse("198.51.100." + std::to_string(i));
      ASSERT_TRUE(first->blocks().put(prefix, drop_for_good()));
    }
  }
  Config smaller = lab.config();
  smaller.block.max_addresses = 2;

  const auto refused = Dataplane::open(smaller);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, ExitStatus::kConfigInvalid);
  EXPECT_NE(refused.error().message.find("block.max_addresses"), std::string::npos);
  const auto again = lab.start(lab.config());
  EXPECT_TRUE(again->blocks().get(*IpPrefix::parse("198.51.100.3"))->has_value());
}

TEST(Open, CountersOfAnotherVersionsShapeBeginAnewAndBlocksStay) {
  const Lab lab;
  const auto blocked = *IpPrefix::parse("198.51.100.9");
  const std::string pin = lab.pin_directory() + "/v1/pw_counters";
  {
    const auto first = lab.start(lab.config());
    ASSERT_TRUE(first->blocks().put(blocked, drop_for_good()));
  }
  ASSERT_EQ(unlink(pin.c_str()), 0);
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_MMAPABLE;
  const UniqueFd older{bpf_map_create(BPF_MAP_TYPE_ARRAY, "pw_counters", 4, 64, 16, &options)};
  ASSERT_EQ(bpf_obj_pin(older.get(), pin.c_str()), 0);

  const auto again = lab.start(lab.config());

  EXPECT_TRUE(again->blocks().get(blocked)->has_value());
  const UniqueFd now{bpf_obj_get(pin.c_str())};
  bpf_map_info info{};
  __u32 length = sizeof info;
  ASSERT_EQ(bpf_obj_get_info_by_fd(now.get(), &info, &length), 0);
  EXPECT_EQ(info.value_size, sizeof(pw_counters));
}

TEST(Tables, AllowEntriesOfBothFamiliesCanBePutAndRemovedTwice) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  const pw_allow_entry entry{PW_ALLOW_ALL, PW_ALLOW_OPERATOR, {}};
  for (const char* text : {"10.77.0.2", "10.0.0.0/8", "fd77::2", "fd77::/64"}) {
    const auto prefix = *IpPrefix::parse(text);
    EXPECT_TRUE(dataplane->allow_put(prefix, entry)) << text;
    EXPECT_TRUE(dataplane->allow_remove(prefix)) << text;
    EXPECT_TRUE(dataplane->allow_remove(prefix)) << text;
  }
}

TEST(Tables, AllowEntriesPinnedWithoutTheirBitsGetThemAtTheNextStart) {
  const Lab lab;
  const auto prefix = *IpPrefix::parse("198.51.100.0/24");
  {
    const auto first = lab.start(lab.config());
    ASSERT_TRUE(first->allow_put(prefix, {PW_ALLOW_ALL, PW_ALLOW_OPERATOR, {}}));
  }
  const std::string pin = lab.pin_directory() + "/v1/pw_allow_hints";
  ASSERT_TRUE(fs::remove(pin));  // as versions without it left their pins

  const auto second = lab.start(lab.config());

  const UniqueFd bits{bpf_obj_get(pin.c_str())};
  const std::uint32_t bit = PW_ALLOW_V4_BIT(0xc6336400u), index = bit / 64;
  __u64 word = 0;
  ASSERT_EQ(bpf_map_lookup_elem(bits.get(), &index, &word), 0);
  EXPECT_EQ(word, 1ull << (bit % 64));
}

/// First and last LLM or decoy port, as the programs' shortest way has it; (1, 0): none.
std::pair<std::uint32_t, std::uint32_t> port_range(const Lab& lab) {
  const UniqueFd fd{bpf_obj_get((lab.pin_directory() + "/v1/pw_block_gate").c_str())};
  const auto gate = MappedMap<pw_gate>::of(fd.get(), true, "gate");
  EXPECT_TRUE(gate);
  const __u64 ports = gate->get()->ports4;
  const auto first = static_cast<std::uint32_t>(ports),
             count = static_cast<std::uint32_t>(ports >> 32);
  return count == 0 ? std::pair{1u, 0u} : std::pair{first, first + count - 1};
}

TEST(Tables, BlocksPinnedWithoutTheGateGetTheirBitsAtTheNextStart) {
  const Lab lab;
  {
    const auto first = lab.start(lab.config());
    for (const char* text : {"198.51.100.9", "10.1.0.0/16", "2001:db8::9", "2002::/16"})
      ASSERT_TRUE(first->blocks().put(*IpPrefix::parse(text), drop_for_good()));
  }
  const std::string pin = lab.pin_directory() + "/v1/pw_block_gate";
  ASSERT_TRUE(fs::remove(pin));  // as versions without it left their pins

  const auto second = lab.start(lab.config());

  const UniqueFd fd{bpf_obj_get(pin.c_str())};
  const auto gate = MappedMap<pw_gate>::of(fd.get(), true, "gate");
  ASSERT_TRUE(gate) << gate.error().message;
  const auto is_set = [](const auto& words, std::uint64_t bit) {
    return (words[bit / 64] >> (bit % 64) & 1) != 0;
  };
  const auto single = PW_SEEN4_HASH(0xc6336409ull) >> gate->get()->table4.shift;
  EXPECT_TRUE(is_set(gate->get()->seen4, single));
  EXPECT_TRUE(is_set(gate->get()->net4, 0x0a01ff));
  EXPECT_FALSE(is_set(gate->get()->net4, 0x0a0200));
  EXPECT_TRUE(is_set(gate->get()->v6, PW_GATE6_BIT(0xb80d0120u)));  // as it lies in memory
  EXPECT_NE(gate->get()->short6, 0u);
}

TEST(Tables, PortRangeCoversLlmAndDecoyPortsAndFollowsThem) {
  const Lab lab;
  using Range = std::pair<std::uint32_t, std::uint32_t>;
  {
    const auto dataplane = lab.start(lab.config());
    EXPECT_EQ(port_range(lab), Range(11434, 11434));
    Config wider = lab.config();
    wider.decoy_ports = {80, 65535};
    ASSERT_TRUE(dataplane->set_ports(wider));
    EXPECT_EQ(port_range(lab), Range(80, 65535));
    Config none = lab.config();
    none.ports.clear();
    none.decoy_ports.clear();
    ASSERT_TRUE(dataplane->set_ports(none));
    EXPECT_EQ(port_range(lab), Range(1, 0));
    ASSERT_TRUE(dataplane->set_ports(lab.config()));
  }
  ASSERT_TRUE(fs::remove(lab.pin_directory() + "/v1/pw_block_gate"));

  const auto again = Dataplane::open(lab.config());  // ports are as pinned, before set_ports

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(port_range(lab), Range(11434, 11434));
}

TEST(Tables, EnforcingChangesThatSettingOnly) {
  const Lab lab;
  const auto dataplane = lab.start(lab.config());
  auto expected = *dataplane->settings();
  ASSERT_EQ(expected.enforcing, 1);

  ASSERT_TRUE(dataplane->set_enforcing(false));

  expected.enforcing = 0;
  const auto now = *dataplane->settings();
  EXPECT_EQ(std::memcmp(&now, &expected, sizeof now), 0);
}

}  // namespace
}  // namespace probewall
