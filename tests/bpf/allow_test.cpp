// SPDX-License-Identifier: Apache-2.0
// The never-block tables: bpf/allow.bpf.h and userspace/dataplane/allow_table.cpp.
#include <random>

#include "conversation.hpp"
#include "lab_objects.hpp"

namespace probewall::test {
namespace {

class Allow : public KernelTest {
 protected:
  /// Everybody is blocked, so that what passes is allowed.
  void SetUp() override {
    start();
    lab->block("0.0.0.0/0", PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
    lab->block("::/0", PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
  }
  bool passes(const std::string& source, std::uint16_t port = 443) {
    const auto address = IpAddress::parse(source).value();
    Conversation talk{.family = address.is_v4() ? Family::kIpv4 : Family::kIpv6};
    talk.client = source;
    talk.server_port = port;
    return lab->xdp(talk.syn()).action == kPass;
  }
  void put(const std::string& prefix, std::uint8_t scope = PW_ALLOW_ALL) {
    lab->allow(prefix, scope);
  }
  void remove(const std::string& prefix) {
    ASSERT_TRUE(lab->allows().remove(IpPrefix::parse(prefix).value()));
  }
};

TEST_F(Allow, PrefixesOfEveryWidthSaveWhatLiesInThem) {
  const struct {
    const char *prefix, *inside, *outside;
  } cases[] = {{"198.51.100.7/32", "198.51.100.7", "198.51.100.8"},
               {"198.51.100.0/24", "198.51.100.200", "198.51.101.1"},
               {"198.51.0.0/16", "198.51.255.1", "198.52.0.1"},
               {"10.0.0.0/8", "10.255.1.1", "11.0.0.1"},
               {"128.0.0.0/1", "203.0.113.9", "10.0.0.1"},
               {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
               {"2001:db8:1::7/128", "2001:db8:1::7", "2001:db8:1::8"},
               {"2001:db8:1::/64", "2001:db8:1::9", "2001:db8:1:1::9"},
               {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"},
               {"2001:db8::/31", "2001:db9::1", "2001:dba::1"},
               {"2001::/16", "2001:ffff::1", "2002::1"},
               {"2000::/3", "3fff::1", "fd00::1"},
               {"::/0", "fd00::1", "10.0.0.1"}};
  for (const auto& c : cases) {
    put(c.prefix);
    EXPECT_TRUE(passes(c.inside)) << c.prefix;
    EXPECT_FALSE(passes(c.outside)) << c.prefix;
    remove(c.prefix);
    EXPECT_FALSE(passes(c.inside)) << c.prefix;
  }
}

TEST_F(Allow, RemovingOneOfTwoThatShareABitKeepsTheOther) {
  put("198.51.100.7");
  put("198.51.7.7");
  put("198.51.100.7");  // again: still one entry
  remove("198.51.100.7");
  remove("198.51.100.7");
  EXPECT_FALSE(passes("198.51.100.7"));
  EXPECT_TRUE(passes("198.51.7.7"));
}

TEST_F(Allow, SshEntrySavesItsPortOnly) {
  put("2001:db8:1::7", PW_ALLOW_SSH_PORT);
  EXPECT_TRUE(passes("2001:db8:1::7", 22));
  EXPECT_FALSE(passes("2001:db8:1::7", 443));
}

TEST_F(Allow, TablesPinnedWithoutTheirBitsGetThemAtTheNextStart) {
  put("198.51.100.0/24");
  put("2001:db8::/40");
  {
    const UniqueFd hints{bpf_obj_get((lab->pin_directory() + "/v1/pw_allow_hints").c_str())};
    auto bits = MappedMap<__u64>::of(hints.get(), false, "pw_allow_hints");
    ASSERT_TRUE(bits);
    std::fill_n(bits->get(), bits->entries(), 0);
    bits->get()[0] = ~0ull;  // and some of nobody
  }
  ASSERT_FALSE(passes("198.51.100.7"));
  lab->reopen_allows();
  EXPECT_TRUE(passes("198.51.100.7"));
  EXPECT_TRUE(passes("2001:db8::7"));
  remove("198.51.100.0/24");
  EXPECT_FALSE(passes("198.51.100.7"));
}

TEST_F(Allow, RandomEntriesSaveWhatAPlainListSaves) {
  std::mt19937 random{5};
  std::vector<IpPrefix> listed;
  const auto address = [&](bool v4) {
    if (v4) return IpAddress::from_v4(0xc6330000u ^ (random() % 4) << 30 ^ (random() & 0x3ffff));
    auto a = IpAddress::parse("2001:db8::").value();
    a.bytes[1] ^= static_cast<std::uint8_t>(random() % 4);
    a.bytes[3] ^= static_cast<std::uint8_t>(random() % 4);
    a.bytes[15] = static_cast<std::uint8_t>(random());
    return a;
  };
  const int rounds = std::getenv("PROBEWALL_EMULATED") ? 300 : 3000;
  for (int round = 0; round < rounds; ++round) {
    const bool v4 = random() % 2 == 0;
    if (listed.size() < 12) {
      // Wide ones seldom, or everything would be saved.
      const unsigned width = v4 ? 32 : 128, least = random() % 8 == 0 ? 2 : width / 2 - 2;
      listed.push_back(
          IpPrefix::of(address(v4), least + static_cast<unsigned>(random() % (width + 1 - least))));
      put(listed.back().to_string());
    } else {
      const auto gone = listed.begin() + static_cast<std::ptrdiff_t>(random() % listed.size());
      const auto prefix = *gone;
      listed.erase(gone);
      if (std::find(listed.begin(), listed.end(), prefix) == listed.end())
        remove(prefix.to_string());
    }
    if (round % 500 == 499) lab->reopen_allows();
    const auto source = address(v4);
    const bool saved = std::any_of(listed.begin(), listed.end(),
                                   [&](const IpPrefix& p) { return p.contains(source); });
    ASSERT_EQ(passes(source.to_string()), saved) << source.to_string();
  }
}

}  // namespace
}  // namespace probewall::test
