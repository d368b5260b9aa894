// SPDX-License-Identifier: Apache-2.0
// The quick step (bpf/quick.bpf.h) against the same program without it: same frames, same tables.
#include <array>
#include <random>

#include "conversation.hpp"
#include "dataplane/kernel_clock.hpp"
#include "listed_lab.hpp"
#include "xdp_whole.skel.h"

namespace probewall::test {
namespace {

constexpr LabOptions kOptions{.interface_slot = 0};

struct Listed {
  const char* prefix;
  std::uint8_t action;
  std::uint8_t origin;
  bool expired = false;
};
constexpr Listed kListed[] = {
    {"198.51.100.7", PW_ACTION_DROP, PW_ORIGIN_DETECTOR},
    {"198.51.100.8", PW_ACTION_DROP, PW_ORIGIN_FEED},
    {"198.51.100.9", PW_ACTION_TAG, PW_ORIGIN_FEED},
    {"198.51.100.10", PW_ACTION_RATE_LIMIT, PW_ORIGIN_DETECTOR},
    {"198.51.100.11", PW_ACTION_DROP, PW_ORIGIN_DETECTOR, true},
    {"198.51.100.12", PW_ACTION_TAG, PW_ORIGIN_FEED},
    {"198.51.100.12/30", PW_ACTION_DROP, PW_ORIGIN_FEED},
    {"203.0.113.0/24", PW_ACTION_DROP, PW_ORIGIN_OPERATOR},
    {"203.0.113.7", PW_ACTION_DROP, PW_ORIGIN_DETECTOR},
    {"2001:db8:1::7", PW_ACTION_DROP, PW_ORIGIN_DETECTOR},
    {"2001:db8:1::8", PW_ACTION_DROP, PW_ORIGIN_FEED},
    {"2001:db8:1::9", PW_ACTION_TAG, PW_ORIGIN_FEED},
    {"2001:db8:1::a", PW_ACTION_RATE_LIMIT, PW_ORIGIN_FEED},
    {"2001:db8:1::b", PW_ACTION_DROP, PW_ORIGIN_FEED, true},
    {"2001:db8:2::/48", PW_ACTION_DROP, PW_ORIGIN_OPERATOR},
    {"2001:db8:2::7", PW_ACTION_TAG, PW_ORIGIN_FEED},
    {"2a00::/16", PW_ACTION_DROP, PW_ORIGIN_FEED},
};
constexpr const char* kSources4[] = {"198.51.100.7",  "198.51.100.8",  "198.51.100.9",
                                     "198.51.100.10", "198.51.100.11", "198.51.100.12",
                                     "198.51.100.13", "198.51.100.77", "203.0.113.7",
                                     "203.0.113.8",   "192.0.2.77"};
constexpr const char* kSources6[] = {"2001:db8:1::7", "2001:db8:1::8", "2001:db8:1::9",
                                     "2001:db8:1::a", "2001:db8:1::b", "2001:db8:1::c",
                                     "2001:db8:2::7", "2001:db8:2::8", "2001:db8:3::1",
                                     "2a00:1::1",     "3fff::1"};

class Quick : public KernelTest {
 protected:
  void SetUp() override {
    start(kOptions);
    const std::string directory = lab->pin_directory() + "/whole";
    whole_.emplace(directory, lab->settings(), kOptions, std::span<const IpAddress>{});
    auto blocks = BlockTable::open(directory, false);
    must(blocks.has_value(), blocks ? "" : blocks.error().message);
    blocks_.emplace(std::move(*blocks));
    const auto pinned = [&](const char* name) {
      return UniqueFd{bpf_obj_get((directory + "/v1/" + name).c_str())};
    };
    auto allows = AllowTable::open(pinned("pw_allow_lpm4"), pinned("pw_allow_lpm6"),
                                   pinned("pw_allow_hints").get());
    must(allows.has_value(), allows ? "" : allows.error().message);
    allows_.emplace(std::move(*allows));
    settings_ = pinned("pw_settings");
    ports_ = pinned("pw_ports");
    counters_ = pinned("pw_counters");
    lab->blocks().set_port_range(8000, 11434);
    for (const auto& [number, flags] : kPorts) set_port(number, flags);
    for (const auto& l : kListed) list(l);
  }
  void set_port(std::uint16_t number, std::uint8_t flags) {
    lab->port(number, flags);
    const std::uint32_t index = number;
    const pw_port port{flags, PW_SERVICE_OTHER, {}};
    must(bpf_map_update_elem(ports_.get(), &index, &port, BPF_ANY) == 0, "write port");
  }
  void list(const Listed& l) {
    pw_block_entry entry{};
    entry.action = l.action;
    entry.origin = l.origin;
    entry.tag_bits = PW_TAG_FEED;
    entry.expires_s = l.expired ? boottime_seconds() : boottime_seconds() + 1000;
    const auto prefix = IpPrefix::parse(l.prefix).value();
    ASSERT_TRUE(lab->blocks().put(prefix, entry));
    ASSERT_TRUE(blocks_->put(prefix, entry));
  }
  void allow(const char* text, std::uint8_t scope) {
    lab->allow(text, scope);
    const pw_allow_entry entry{scope, PW_ALLOW_OPERATOR, {}};
    ASSERT_TRUE(allows_->put(IpPrefix::parse(text).value(), entry));
  }
  void forget_allows() {
    for (const char* text : kAllowed) {
      ASSERT_TRUE(lab->allows().remove(IpPrefix::parse(text).value()));
      ASSERT_TRUE(allows_->remove(IpPrefix::parse(text).value()));
    }
  }
  void set(const pw_settings& wanted) {
    lab->set([&](pw_settings& s) { s = wanted; });
    const std::uint32_t zero = 0;
    must(bpf_map_update_elem(settings_.get(), &zero, &wanted, BPF_ANY) == 0, "write settings");
  }
  /// What the counters of both say, without how a record fared: only one has a ring.
  static std::vector<__u64> comparable(pw_counters c) {
    for (int i = 0; i < PW_RECORD_TYPE_COUNT; ++i) {
      c.records[i] += c.records_lost[i];
      c.records_lost[i] = 0;
    }
    const auto* words = reinterpret_cast<const __u64*>(&c);
    return {words, words + sizeof c / sizeof *words};
  }
  pw_counters whole_counters() const {
    std::vector<__u64> sum(sizeof(pw_counters) / sizeof(__u64));
    for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) {
      const __u32 row = cpu * PW_MAX_INTERFACES;
      const auto one = look_up<pw_counters>(counters_.get(), row).value();
      const auto* words = reinterpret_cast<const __u64*>(&one);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
    }
    pw_counters out{};
    std::memcpy(&out, sum.data(), sizeof out);
    return out;
  }
  /// One frame through both: action, tag and every counter agree.
  void expect_same(const Frame& frame) {
    const auto quick = lab->xdp(frame), whole = whole_->xdp(frame);
    ASSERT_EQ(quick.action, whole.action);
    ASSERT_EQ(quick.tag_bits, whole.tag_bits);
    ASSERT_EQ(comparable(lab->counters()), comparable(whole_counters()));
  }
  void expect_same_for_all_sources() {
    for (const std::uint16_t port : {443, 11434, 22}) {
      for (const char* source : kSources4)
        ASSERT_NO_FATAL_FAILURE(
            expect_same((Ethernet{} / Ipv4{.src = source} / Tcp{.dport = port}).build()))
            << source << " to " << port;
      for (const char* source : kSources6)
        ASSERT_NO_FATAL_FAILURE(
            expect_same((Ethernet{} / Ipv6{.src = source} / Tcp{.dport = port}).build()))
            << source << " to " << port;
    }
  }

  static constexpr std::pair<std::uint16_t, std::uint8_t> kPorts[] = {
      {11434, PW_PORT_LLM}, {22, PW_PORT_SSH}, {8000, PW_PORT_DECOY}};
  static constexpr const char* kAllowed[] = {"198.51.100.7", "203.0.113.0/24", "2001:db8:1::7",
                                             "2001:db8:2::/48"};
  std::optional<ListedLab<xdp_whole_bpf>> whole_;
  std::optional<BlockTable> blocks_;
  std::optional<AllowTable> allows_;
  UniqueFd settings_, ports_, counters_;
};

TEST_F(Quick, GivesTheSameVerdictUnderEverySetting) {
  const auto base = lab->settings();
  for (unsigned bits = 0; bits < 64; ++bits) {
    pw_settings s = base;
    s.enforcing = bits & 1;
    s.llm_scope_only = bits >> 1 & 1;
    s.drop_fragments = bits >> 2 & 1;
    s.tag_mask = bits & 8 ? 0x000f0000 : 0;
    s.tag_shift = 16;
    s.enforce_until_s = bits & 16 ? boottime_seconds() + (bits & 2 ? 1000 : 0) : 0;
    set(s);
    if (bits & 32) {
      allow(kAllowed[0], PW_ALLOW_ALL);
      allow(kAllowed[1], PW_ALLOW_SSH_PORT);
      allow(kAllowed[2], PW_ALLOW_SSH_PORT);
      allow(kAllowed[3], PW_ALLOW_ALL);
    } else {
      forget_allows();
    }
    ASSERT_NO_FATAL_FAILURE(expect_same_for_all_sources()) << "settings " << bits;
  }
}

TEST_F(Quick, GivesTheSameVerdictForPortsAtTheEndsOfTheirRange) {
  for (const auto& [first, last] :
       {std::pair{1u, 0u}, {0u, 65535u}, {8000u, 11434u}, {443u, 65535u}, {0u, 11434u}}) {
    lab->blocks().set_port_range(first, last);
    for (const auto& [number, flags] : kPorts) {
      const bool covered = first <= number && number <= last;
      set_port(number, covered ? flags : flags & PW_PORT_SSH);
    }
    for (const std::uint16_t port : {0, 1, 443, 7999, 8000, 8001, 11433, 11434, 11435, 65535}) {
      ASSERT_NO_FATAL_FAILURE(
          expect_same((Ethernet{} / Ipv4{.src = "192.0.2.77"} / Tcp{.dport = port}).build()));
      ASSERT_NO_FATAL_FAILURE(
          expect_same((Ethernet{} / Ipv6{.src = "2001:db9::1"} / Tcp{.dport = port}).build()));
      ASSERT_NO_FATAL_FAILURE(
          expect_same((Ethernet{} / Ipv4{.src = "192.0.2.77"} / Udp{.dport = port}).build()));
    }
    ASSERT_NO_FATAL_FAILURE(expect_same_for_all_sources());
  }
}

/// Frames of every kind that the parser tells apart, from `source`.
std::vector<Frame> kinds(const std::string& source4, const std::string& source6,
                         std::uint16_t port) {
  const Tcp tcp{.dport = port};
  Tcp options = tcp;
  options.options = {1, 1, 1, 1};
  const Ipv4 v4{.src = source4};
  const Ipv6 v6{.src = source6};
  Ipv4 with_options = v4, later = v4, first = v4, dont = v4;
  with_options.options = {1, 1, 1, 1};
  later.fragment = 5;
  first.fragment = 0x2000;
  dont.fragment = 0x4000;
  return {(Ethernet{} / v4 / tcp).build(),
          (Ethernet{} / v4 / tcp).build_padded(64),
          (Ethernet{} / v4 / options / Payload{"GET / HTTP/1.1\r\n\r\n"}).build(),
          (Ethernet{} / dont / tcp).build(),
          (Ethernet{} / with_options / tcp).build(),
          (Ethernet{} / first / tcp).build(),
          (Ethernet{} / later / tcp).build(),
          (Ethernet{} / v4 / Udp{}).build_padded(64),
          (Ethernet{} / Vlan{} / v4 / tcp).build(),
          (Ethernet{} / v6 / tcp).build(),
          (Ethernet{} / v6 / options / Payload{"GET / HTTP/1.1\r\n\r\n"}).build(),
          (Ethernet{} / v6 / Udp{}).build(),
          (Ethernet{} / v6 / Ipv6Ext{.type = 60} / tcp).build(),
          (Ethernet{} / v6 / Ipv6Fragment{.more = true} / tcp).build(),
          (Ethernet{} / Vlan{} / Vlan{} / v6 / tcp).build()};
}

TEST_F(Quick, GivesTheSameVerdictOnBrokenFrames) {
  std::mt19937 random{20260105};
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  auto s = lab->settings();
  s.tag_mask = 0x000f0000;
  s.tag_shift = 16;
  set(s);
  const std::uint16_t ports[] = {443, 11434, 22, 8000};
  const int rounds = std::getenv("PROBEWALL_EMULATED") ? 300 : 3000;
  for (int round = 0; round < rounds; ++round) {
    const auto frames = kinds(kSources4[pick(std::size(kSources4))],
                              kSources6[pick(std::size(kSources6))], ports[pick(4)]);
    Frame frame = frames[pick(frames.size())];
    // Headers only: bytes of the addresses change who it is from, others what it is.
    for (std::size_t changes = pick(4); changes > 0; --changes)
      frame[12 + pick(std::min<std::size_t>(frame.size() - 12, 50))] =
          static_cast<std::uint8_t>(pick(2) ? random() : pick(16));
    if (pick(4) == 0) frame.resize(14 + pick(frame.size() - 14 + 1));
    ASSERT_NO_FATAL_FAILURE(expect_same(frame)) << "round " << round;
  }
}

}  // namespace
}  // namespace probewall::test
