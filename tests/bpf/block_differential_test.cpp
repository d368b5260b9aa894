// SPDX-License-Identifier: Apache-2.0
// The shipped block tables against plain hash and LPM maps: same operations, same packets.
#include <linux/if_link.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <random>
#include <thread>

#include "conversation.hpp"
#include "daemon/block_ledger.hpp"
#include "dataplane/kernel_clock.hpp"
#include "dataplane/mapped_map.hpp"
#include "listed_lab.hpp"
#include "probewall/abi/block_table.h"
#include "support/reference_block_table.hpp"
#include "xdp_listed.skel.h"
#include "xdp_reference.skel.h"

namespace probewall::test {
namespace {

constexpr LabOptions kLarge{.block_entries = 1 << 17};

/// Rounds of a long test: an eighth of them where scripts/qemu emulates the processor.
int rounds(int usual) { return std::getenv("PROBEWALL_EMULATED") ? (usual + 7) / 8 : usual; }

IpPrefix whole(const IpAddress& a) { return IpPrefix::of(a, a.is_v4() ? 32 : 128); }

Frame packet_from(const IpAddress& source) {
  Conversation talk{.family = source.is_v4() ? Family::kIpv4 : Family::kIpv6};
  talk.client = source.to_string();
  talk.server_port = 443;  // no port of ours: its tag is the tables' alone
  return talk.syn();
}

pw_block_entry entry_of(std::uint8_t action, std::uint32_t expires_s = PW_NEVER_EXPIRES) {
  pw_block_entry entry{};
  entry.expires_s = expires_s;
  entry.action = action;
  entry.tag_bits = PW_TAG_FEED;
  return entry;
}

/// Addresses: half of them from a few networks, so that prefixes nest and hit, half from anywhere.
class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  IpAddress near(bool v4) {
    if (v4) return IpAddress::from_v4(0xc6336400u ^ pick(2) << 31 ^ pick(4) << 14 ^ pick(512));
    auto a = IpAddress::parse("2001:db8::").value();
    a.bytes[0] ^= static_cast<std::uint8_t>(pick(2) << 4);
    a.bytes[3] ^= static_cast<std::uint8_t>(pick(2));
    a.bytes[7] = static_cast<std::uint8_t>(pick(4));
    a.bytes[15] = static_cast<std::uint8_t>(pick(64));
    return a;
  }
  IpAddress anywhere(bool v4) {
    if (v4) return IpAddress::from_v4(static_cast<std::uint32_t>(random_()));
    IpAddress a;
    for (auto& b : a.bytes) b = static_cast<std::uint8_t>(random_());
    a.bytes[0] = 0x20;
    return a;
  }
  IpAddress address() {
    const bool v4 = pick(2) == 0;
    return pick(2) == 0 ? near(v4) : anywhere(v4);
  }
  IpPrefix prefix() {
    const auto a = address();
    const unsigned width = a.is_v4() ? 32 : 128;
    return IpPrefix::of(a, pick(2) == 0 ? width : pick(width + 1));
  }

 private:
  std::mt19937_64 random_;
};

class BlockDifferential : public KernelTest {
 protected:
  void SetUp() override {
    start(kLarge);
    plain_.emplace(lab->pin_directory() + "/plain", lab->settings(), kLarge,
                   std::span<const IpAddress>{});
    auto table = ReferenceBlockTable::open(lab->pin_directory() + "/plain", false);
    must(table.has_value(), table ? "" : table.error().message);
    reference_.emplace(std::move(*table));
  }
  void put(const IpPrefix& prefix, const pw_block_entry& entry) {
    const auto ours = lab->blocks().put(prefix, entry);
    ASSERT_TRUE(ours) << ours.error().message;
    ASSERT_TRUE(reference_->put(prefix, entry));
  }
  void remove(const IpPrefix& prefix) {
    ASSERT_EQ(lab->blocks().remove(prefix).value(), reference_->remove(prefix).value())
        << prefix.to_string();
  }
  /// One packet through both programs.
  void expect_same_verdict(const IpAddress& source) {
    const auto frame = packet_from(source);
    const auto ours = lab->xdp(frame), theirs = plain_->xdp(frame);
    ASSERT_EQ(ours.action, theirs.action) << source.to_string();
    ASSERT_EQ(ours.tag_bits.value_or(0), theirs.tag_bits.value_or(0)) << source.to_string();
  }

  std::optional<ListedLab<xdp_reference_bpf>> plain_;
  std::optional<ReferenceBlockTable> reference_;
};

TEST_F(BlockDifferential, RandomOperationsGiveTheVerdictsOfThePlainTables) {
  Dice dice{20260104};
  const std::uint32_t now = boottime_seconds();
  std::vector<IpPrefix> used;
  for (int step = 0; step < rounds(12000); ++step) {
    const auto what = dice.pick(100);
    if (what < 70 || used.empty()) {
      const std::uint32_t expires[] = {PW_NEVER_EXPIRES, now + 100000, now + 100000, now - 10};
      used.push_back(dice.prefix());
      put(used.back(),
          entry_of(static_cast<std::uint8_t>(1 + dice.pick(3)), expires[dice.pick(4)]));
    } else if (what < 80) {  // renew
      put(used[dice.pick(used.size())], entry_of(PW_ACTION_DROP, now + 200000 + dice.pick(9)));
    } else {
      remove(used[dice.pick(used.size())]);
    }
    if (step % 1000 == 999) {
      ASSERT_EQ(lab->blocks().sweep(now, {}).value(), reference_->sweep(now, {}).value());
    }
    if (step % 2500 == 2499) lab->reopen_blocks();
    if (step % 5000 == 4999) {
      ASSERT_EQ(lab->blocks().flush().value(), reference_->flush().value());
    }
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(used[dice.pick(used.size())].address));
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(dice.near(dice.pick(2) == 0)));
    const auto probe = used[dice.pick(used.size())].address;
    const auto ours = lab->blocks().match(probe, now).value();
    const auto theirs = reference_->match(probe, now).value();
    ASSERT_EQ(ours.has_value(), theirs.has_value()) << probe.to_string();
    if (ours) {
      ASSERT_EQ(ours->prefix, theirs->prefix);
    }
  }
}

TEST_F(BlockDifferential, FullTablesAgreeOnEveryEntryAndItsNeighbours) {
  Dice dice{7};
  std::vector<IpPrefix> used;
  for (int i = 0; i < 30000; ++i) {
    const bool v4 = i % 2 == 0;
    used.push_back(
        i % 10 == 0 ? IpPrefix::of(dice.anywhere(v4), v4 ? 9 + dice.pick(24) : 20 + dice.pick(109))
                    : whole(dice.anywhere(v4)));
    put(used.back(), entry_of(static_cast<std::uint8_t>(1 + dice.pick(3))));
  }
  EXPECT_GT(lab->blocks().spilled(), 0u);  // else the test reaches one place less than it should
  for (std::size_t i = 0; i < used.size(); i += 2) remove(used[i]);
  lab->reopen_blocks();
  used.resize(static_cast<std::size_t>(rounds(static_cast<int>(used.size()))));
  for (const auto& prefix : used) {
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(prefix.address));
    auto neighbour = prefix.address;
    neighbour.bytes[15] ^= static_cast<std::uint8_t>(1 + dice.pick(255));
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(neighbour));
  }
}

/// What a version without this prefilter, or a writer that died at a bad moment, left: buckets that
/// do not say how large their table is, and a prefilter of `seed` and otherwise of zeros.
template <typename Front>
void spoil(const std::string& pins, const std::string& family, __u64 seed) {
  const UniqueFd front_fd{bpf_obj_get((pins + "/v1/pw_block_front" + family).c_str())};
  const auto front = MappedMap<Front>::of(front_fd.get(), false, "front");
  ASSERT_TRUE(front) << front.error().message;
  std::memset(front->get(), 0, sizeof(Front));
  front->get()->head.seed = seed;
  const UniqueFd outer{bpf_obj_get((pins + "/v1/pw_block_ip" + family).c_str())};
  const std::uint32_t zero = 0;
  std::uint32_t id = 0;
  ASSERT_EQ(bpf_map_lookup_elem(outer.get(), &zero, &id), 0);
  const UniqueFd inner{bpf_map_get_fd_by_id(id)};
  const auto lines = MappedMap<pw_block_line>::of(inner.get(), false, "table");
  ASSERT_TRUE(lines) << lines.error().message;
  const auto buckets = reinterpret_cast<const pw_block_header*>(lines->get())->mask + 1;
  const int at = family == "4" ? PW_V4_LOG2_AT : PW_V6_LOG2_AT + 32;
  for (__u64 i = 0; i < buckets; ++i) {
    auto& words = lines->get()[PW_BLOCK_FIRST_BUCKET + i].words;
    words[7] &= ~(63ull << at);
    // Earlier versions left the address in a slot they emptied; it may be in another one by now.
    for (unsigned s = 1; family == "4" && s < PW_V4_SLOTS; ++s)
      if (words[s] == 0) words[s] = words[0] & ~0xffffffffull;
  }
}

/// A gate whose words are all `word`, as nobody knows of which version.
void spoil_gate(const std::string& pins, __u64 word) {
  const UniqueFd fd{bpf_obj_get((pins + "/v1/pw_block_gate").c_str())};
  const auto gate = MappedMap<pw_gate>::of(fd.get(), false, "gate");
  ASSERT_TRUE(gate) << gate.error().message;
  auto* const words = reinterpret_cast<__u64*>(gate->get());
  std::fill_n(words, sizeof(pw_gate) / sizeof(__u64), word);
}

TEST_F(BlockDifferential, TablesOfAnEarlierLayoutGetTheirPrefilterAtTheNextStart) {
  Dice dice{31};
  std::vector<IpPrefix> used;
  for (int i = 0; i < rounds(8000); ++i) {
    used.push_back(dice.prefix());
    put(used.back(), entry_of(static_cast<std::uint8_t>(1 + dice.pick(3))));
  }
  for (const __u64 seed : {0ull, 4711ull}) {
    spoil<pw_front4>(lab->pin_directory(), "4", seed);
    spoil<pw_front6>(lab->pin_directory(), "6", seed);
    spoil_gate(lab->pin_directory(), seed == 0 ? 0 : ~0ull);
    lab->reopen_blocks();
    for (int i = 0; i < rounds(4000); ++i) {
      ASSERT_NO_FATAL_FAILURE(expect_same_verdict(used[dice.pick(used.size())].address));
      ASSERT_NO_FATAL_FAILURE(expect_same_verdict(dice.near(dice.pick(2) == 0)));
    }
  }
}

TEST_F(BlockDifferential, AddressOfZerosIsAnAddressLikeOthers) {
  const auto zeros = IpPrefix::parse("0.0.0.0/32").value();
  for (const auto action : {PW_ACTION_TAG, PW_ACTION_DROP, PW_ACTION_RATE_LIMIT}) {
    put(zeros, entry_of(static_cast<std::uint8_t>(action)));
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(zeros.address));
    lab->reopen_blocks();
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(zeros.address));
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(IpAddress::parse("0.0.0.1").value()));
    remove(zeros);
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(zeros.address));
  }
}

TEST_F(BlockDifferential, EmptiedTablesLeaveNoBitBehind) {
  Dice dice{99};
  std::vector<IpPrefix> used;
  for (int i = 0; i < 4000; ++i) {
    used.push_back(dice.prefix());
    put(used.back(), entry_of(PW_ACTION_DROP));
    if (i % 3 == 0) remove(used[dice.pick(used.size())]);
  }
  for (const auto& prefix : used) remove(prefix);
  const auto expect_clear = [&]<typename Front>(const char* name, const Front*) {
    const UniqueFd fd{bpf_obj_get((lab->pin_directory() + "/v1/" + name).c_str())};
    const auto front = MappedMap<Front>::of(fd.get(), true, name);
    ASSERT_TRUE(front) << front.error().message;
    const auto* words = reinterpret_cast<const __u64*>(front->get());
    std::uint64_t left = front->get()->head.lengths[0] | front->get()->head.lengths[1];
    for (std::size_t i = sizeof(pw_front_head) / 8; i < sizeof(Front) / 8; ++i) left |= words[i];
    EXPECT_EQ(left, 0u) << name;
  };
  expect_clear("pw_block_front4", static_cast<pw_front4*>(nullptr));
  expect_clear("pw_block_front6", static_cast<pw_front6*>(nullptr));
  const UniqueFd fd{bpf_obj_get((lab->pin_directory() + "/v1/pw_block_gate").c_str())};
  const auto gate = MappedMap<pw_gate>::of(fd.get(), true, "gate");
  ASSERT_TRUE(gate) << gate.error().message;
  EXPECT_EQ(gate->get()->short6, 0u);
  EXPECT_EQ(std::ranges::count(gate->get()->net4, 0u), std::ssize(gate->get()->net4));
  EXPECT_EQ(std::ranges::count(gate->get()->seen4, 0u), std::ssize(gate->get()->seen4));
  EXPECT_EQ(std::ranges::count(gate->get()->v6, 0u), std::ssize(gate->get()->v6));
}

/// Sources of which every other one is blocked for good, and a lab that sends packets from them.
struct Traffic {
  Traffic(KernelLab& lab, bool v4, Dice& dice) {
    for (int i = 0; i < 4096; ++i) sources.push_back(dice.anywhere(v4));
    for (std::size_t i = 0; i < sources.size(); i += 2) fixed.push_back(whole(sources[i]));
    programs.emplace(lab.pin_directory(), lab.settings(), kLarge, sources);
    frame = packet_from(sources[0]);
  }
  /// Packets while `change` runs on another thread; stops at the first wrong count.
  template <typename Change>
  void run(Change change) {
    std::atomic<bool> done{false};
    std::thread writer{[&] {
      change();
      done = true;
    }};
    std::uint64_t drops = 0, rounds = 0;
    do {
      drops += programs->drops_of(frame, 4096);
      ++rounds;
    } while (!done && drops == rounds * 2048);
    writer.join();
    EXPECT_EQ(drops, rounds * 2048);
  }

  std::vector<IpAddress> sources;
  std::vector<IpPrefix> fixed;
  std::optional<ListedLab<xdp_listed_bpf>> programs;
  Frame frame;
};

class BlockWhileWriting : public BlockDifferential, public testing::WithParamInterface<bool> {};

TEST_P(BlockWhileWriting, EntriesInForceAreNeverMissedAndOthersNeverHit) {
  Dice dice{GetParam() ? 11u : 12u};
  Traffic traffic{*lab, GetParam(), dice};
  auto& table = lab->blocks();
  for (const auto& prefix : traffic.fixed) ASSERT_TRUE(table.put(prefix, entry_of(PW_ACTION_DROP)));
  const std::set<IpAddress> known{traffic.sources.begin(), traffic.sources.end()};
  traffic.run([&] {
    for (int round = 0; round < rounds(3);
         ++round) {  // grows, spills, reuses slots; shrinks at reopening
      std::vector<IpPrefix> others;
      for (int i = 0; i < rounds(20000); ++i) {
        const auto a = dice.anywhere(GetParam());
        if (!known.contains(a)) others.push_back(whole(a));
        (void)table.put(others.back(), entry_of(PW_ACTION_DROP, boottime_seconds() + 1000));
        if (i % 3 == 0) {
          const auto renewed = traffic.fixed[dice.pick(traffic.fixed.size())];
          (void)table.put(renewed, entry_of(PW_ACTION_DROP, boottime_seconds() + 1000 + i));
        }
        if (i % 2 == 0) (void)table.remove(others[dice.pick(others.size())]);
      }
      for (const auto& other : others) (void)table.remove(other);
      lab->reopen_blocks();
    }
  });
}

TEST_P(BlockWhileWriting, FeedSwapNeverMissesWhatBothVersionsHold) {
  Dice dice{GetParam() ? 21u : 22u};
  Traffic traffic{*lab, GetParam(), dice};
  // One version lists the addresses themselves, the other a prefix around each that has no
  // unblocked source of this test in it; both list others of their own.
  const std::set<IpAddress> sources{traffic.sources.begin(), traffic.sources.end()};
  std::array<std::map<IpPrefix, pw_block_entry>, 2> versions;
  auto feed = entry_of(PW_ACTION_DROP);
  feed.origin = PW_ORIGIN_FEED;
  for (std::size_t i = 0; i < traffic.fixed.size(); ++i) {
    const auto& fixed = traffic.fixed[i];
    const auto around = IpPrefix::of(fixed.address, fixed.is_v4() ? 31 : 64);
    auto other = fixed.address;
    other.bytes[15] ^= 1;
    const bool clean = !sources.contains(other);
    versions[i % 2][fixed] = feed;
    versions[1 - i % 2][clean ? around : fixed] = feed;
  }
  for (auto& version : versions) {
    for (int i = 0; i < 3000; ++i) {
      const auto a = dice.anywhere(GetParam());
      if (!sources.contains(a)) version[whole(a)] = feed;
    }
  }
  auto ledger = BlockLedger::adopt(lab->blocks());
  ASSERT_TRUE(ledger);
  ASSERT_TRUE(ledger->set_feed(versions[0], boottime_seconds()));
  traffic.run([&] {
    for (int i = 1; i <= rounds(20); ++i) {
      EXPECT_TRUE(ledger->set_feed(versions[i % 2], boottime_seconds()));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Families, BlockWhileWriting, testing::Bool(),
                         [](const auto& info) { return info.param ? "v4" : "v6"; });

TEST_F(BlockDifferential, ExpiryIsExactToTheSecond) {
  const auto source = IpAddress::parse("198.51.100.7").value();
  const auto frame = packet_from(source);
  const std::uint32_t until = boottime_seconds() + 2;
  put(whole(source), entry_of(PW_ACTION_DROP, until));
  put(IpPrefix::parse("2001:db8::/48").value(), entry_of(PW_ACTION_DROP, until));
  const auto frame6 = packet_from(IpAddress::parse("2001:db8::7").value());
  const auto now_ns = [] {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
  };
  constexpr long long kTick = 20'000'000;  // the programs read the clock once a tick
  const long long end = until * 1000000000ll;
  int before = 0, after = 0;
  for (long long start = now_ns(); start < end + 10 * kTick; start = now_ns()) {
    const auto v4 = lab->xdp(frame).action, v6 = lab->xdp(frame6).action;
    if (now_ns() < end) {
      ++before;
      ASSERT_EQ(v4, kDrop);
      ASSERT_EQ(v6, kDrop);
    } else if (start > end + kTick) {
      ++after;
      ASSERT_EQ(v4, kPass);
      ASSERT_EQ(v6, kPass);
    }
  }
  EXPECT_GT(before, 0);
  EXPECT_GT(after, 0);
}

TEST_F(BlockDifferential, ExpiriesAtTheEndsOfTheirRange) {
  const std::uint32_t now = boottime_seconds();
  const auto prefix = IpPrefix::parse("198.51.100.7").value();
  for (const std::uint32_t expires : {0u, 1u, now, now + 3600, PW_SLOT_NEVER - 1, PW_SLOT_NEVER,
                                      PW_SLOT_NEVER + 1, 0x7fffffffu, 0xfffffffeu}) {
    put(prefix, entry_of(PW_ACTION_DROP, expires));
    ASSERT_NO_FATAL_FAILURE(expect_same_verdict(prefix.address)) << expires;
  }
}

}  // namespace
}  // namespace probewall::test
