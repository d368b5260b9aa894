// SPDX-License-Identifier: Apache-2.0
// The software twin that replay uses must do what the kernel programs do: both get the same packets
// and have to send the same records and count the same.
#include <cstring>
#include <random>

#include "conversation.hpp"
#include "core/decode/packet.hpp"
#include "core/flow/kernel_twin.hpp"

namespace probewall::test {
namespace {

class TwinTest : public KernelTest {
 protected:
  void SetUp() override {
    start();
    lab->set([](pw_settings& s) {
      s.request_budget = 700;
      s.unproven_per_s = 1'000'000;  // the kernel's clock is not the twin's: no limit is reached
      s.max_skip = 100'000;
    });
    TwinConfig config;
    config.settings = lab->settings();
    config.ports.resize(65536);
    config.ports[11434] = {PW_PORT_LLM, PW_SERVICE_OLLAMA, {}};
    config.ports[8000] = {PW_PORT_DECOY, PW_SERVICE_DECOY, {}};
    config.ports[22].flags = PW_PORT_SSH;
    config.max_flows = 1024;
    twin.emplace(config, [this](ByteSpan bytes) {
      Record r;
      std::memcpy(&r.head, bytes.data(), sizeof r.head);
      r.bytes = as_text(bytes.subspan(sizeof r.head));
      twin_records.push_back(std::move(r));
    });
  }

  static std::string describe(const Record& r) {
    const pw_record& h = r.head;
    char text[256];
    std::snprintf(text, sizeof text,
                  "type %u flags %x seq %u ack %u prev %u isn1 %u len %u cap %u service %u", h.type,
                  h.flags, h.seq, h.ack, h.prev_ack, h.isn1, h.payload_len, h.cap_len, h.service);
    return text;
  }

  /// All that differs by nature: time, interface, and where the skip word lies.
  static pw_record comparable(pw_record h) {
    h.time_ns = 0;
    h.interface_slot = 0;
    h.skip_slot = 0;
    h.skip_tag = h.skip_tag != 0;
    return h;
  }

  /// Gives `frame` to both. False (and a failure) when they disagree.
  bool both(const Frame& frame, bool from_client, const std::string& what) {
    now += std::chrono::microseconds{10};
    const PacketView view =
        parse_packet(ByteSpan{reinterpret_cast<const std::byte*>(frame.data()), frame.size()});
    bool dropped = false, twin_dropped = false;
    if (from_client) {
      dropped = lab->xdp(frame).action == kDrop;
      const pw_verdict v = twin->ingress(view, now);
      twin_dropped = v == PW_VERDICT_DROP_BAN || v == PW_VERDICT_DROP_FEED ||
                     v == PW_VERDICT_RATE_LIMITED || v == PW_VERDICT_DROP_FRAGMENT;
    } else {
      lab->tc_out(frame);
      twin->egress(view, now);
    }
    const auto kernel = lab->records();
    const auto soft = std::exchange(twin_records, {});
    bool same = dropped == twin_dropped && kernel.size() == soft.size();
    for (std::size_t i = 0; same && i < kernel.size(); ++i) {
      const pw_record a = comparable(kernel[i].head), b = comparable(soft[i].head);
      same = std::memcmp(&a, &b, sizeof a) == 0 && kernel[i].bytes == soft[i].bytes;
    }
    if (!kernel.empty()) last_kernel = kernel.back().head;
    if (!soft.empty()) last_twin = soft.back().head;
    if (same) return true;
    std::string story =
        what + (dropped ? "\nkernel drops" : "") + (twin_dropped ? "\ntwin drops" : "");
    for (const auto& r : kernel) story += "\nkernel: " + describe(r);
    for (const auto& r : soft) story += "\ntwin:   " + describe(r);
    ADD_FAILURE() << story;
    return false;
  }

  void store_skip(std::uint32_t resume) {
    if (last_kernel.skip_tag == 0) return;
    lab->store_skip(last_kernel.skip_slot, last_kernel.skip_tag, resume);
    twin->store_skip(last_twin.skip_slot, last_twin.skip_tag, resume);
  }

  void expect_same_counters() {
    const pw_counters kernel = lab->counters(), soft = twin->counters();
    for (int v = 0; v < PW_VERDICT_COUNT; ++v) {
      for (int f = 0; f < PW_FAMILY_COUNT; ++f) {
        EXPECT_EQ(kernel.packets[v][f], soft.packets[v][f]) << "verdict " << v << " family " << f;
      }
      EXPECT_EQ(kernel.bytes[v], soft.bytes[v]) << "bytes of verdict " << v;
    }
    for (int i = 0; i < PW_PARSE_COUNT; ++i)
      EXPECT_EQ(kernel.parse_errors[i], soft.parse_errors[i]) << i;
    for (int i = 0; i < PW_SERVICE_COUNT; ++i)
      EXPECT_EQ(kernel.llm_packets[i], soft.llm_packets[i]) << i;
    for (int i = 0; i < PW_RECORD_TYPE_COUNT; ++i)
      EXPECT_EQ(kernel.records[i], soft.records[i]) << i;
    for (int i = 0; i < PW_EVENT_COUNT; ++i)
      EXPECT_EQ(kernel.events[i], soft.events[i]) << "event " << i;
  }

  std::optional<KernelTwin> twin;
  std::vector<Record> twin_records;
  pw_record last_kernel{}, last_twin{};
  Timestamp now = timestamp_from_ns(1'000'000'000);
};

/// One conversation and what was sent on it, misbehaving at random.
struct Talker {
  Conversation talk;
  std::uint32_t sent = 0, acked = 0, answered = 0;
};

class RandomTraffic {
 public:
  explicit RandomTraffic(unsigned seed) : random_(seed) {
    for (std::uint16_t i = 0; i < 12; ++i) {
      Talker t;
      if (i % 3 == 2) t.talk = Conversation{.family = Family::kIpv6};
      t.talk.client_port = static_cast<std::uint16_t>(40000 + i);
      t.talk.server_port = i % 4 == 3 ? 8000 : 11434;
      renew(t);
      talkers_.push_back(t);
    }
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool chance(unsigned percent) { return below(100) < percent; }
  Talker& any() { return talkers_[below(static_cast<unsigned>(talkers_.size()))]; }

  void renew(Talker& t) {
    t.talk.client_isn = static_cast<std::uint32_t>(random_());
    t.talk.server_isn = static_cast<std::uint32_t>(random_());
    t.sent = t.acked = t.answered = 0;
  }
  std::string payload() {
    const std::size_t size = below(900);
    if (chance(8))
      return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame_start() + std::string(size, 'h');
    if (chance(15)) return frame_start() + std::string(size, 'h');
    return chance(40) ? request(size) : std::string(size, static_cast<char>('a' + below(26)));
  }
  /// A frame header of HTTP/2, or nearly.
  std::string frame_start() {
    std::string h(9, '\0');
    h[1] = static_cast<char>(below(70));
    h[2] = static_cast<char>(below(256));
    h[3] = static_cast<char>(below(11));
    h[4] = static_cast<char>(chance(70) ? 0x25 : below(256));
    h[5] = static_cast<char>(chance(90) ? 0 : 0x80);
    h[8] = static_cast<char>(below(8));
    return h;
  }
  Frame from_client(Talker& t) {
    std::uint32_t at = t.sent;
    if (chance(15)) at += below(3000);                // overtakes
    if (chance(10)) at -= std::min(at, below(3000));  // comes again
    if (chance(3)) at = static_cast<std::uint32_t>(random_());
    std::uint8_t flags = kAck | kPsh;
    if (chance(5)) flags |= kFin;
    if (chance(3)) flags |= kRst;
    if (chance(3)) flags &= static_cast<std::uint8_t>(~kAck);
    if (chance(2)) flags |= kSyn;
    const std::string bytes = chance(15) ? "" : payload();
    const std::uint32_t ack =
        chance(5) ? static_cast<std::uint32_t>(random_()) : t.talk.s(t.answered);
    if (at == t.sent && !(flags & (kRst | kSyn)))
      t.sent += static_cast<std::uint32_t>(bytes.size());
    return t.talk.from_client_raw(t.talk.c(at), ack, flags, bytes);
  }
  Frame from_server(Talker& t) {
    std::uint32_t acked = t.acked;
    if (chance(60)) acked = t.acked = t.sent;
    if (chance(5)) acked += below(4'000'000);
    if (chance(3)) acked = static_cast<std::uint32_t>(random_());
    std::string bytes;
    if (chance(30)) bytes = "HTTP/1.1 200 OK\r\n\r\n" + std::string(below(500), 'r');
    if (chance(20)) bytes = std::string(below(900), 'c');
    if (chance(20)) bytes = frame_start() + std::string(below(500), 'd');
    std::uint32_t at = t.answered;
    if (chance(10)) at -= std::min(at, below(2000));
    std::uint8_t flags = kAck;
    if (chance(4)) flags |= kFin;
    if (chance(4)) flags |= kRst;
    if (at == t.answered) t.answered += static_cast<std::uint32_t>(bytes.size());
    return t.talk.answer(at, acked, bytes, flags);
  }

 private:
  std::mt19937_64 random_;
  std::vector<Talker> talkers_;
};

TEST_F(TwinTest, SendsTheSameRecordsForRandomTraffic) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    SetUp();
    RandomTraffic traffic(seed);
    for (int step = 0; step < 1500; ++step) {
      Talker& t = traffic.any();
      const std::string what = "seed " + std::to_string(seed) + " step " + std::to_string(step);
      if (t.sent == 0 || traffic.chance(2)) {
        traffic.renew(t);
        ASSERT_TRUE(both(t.talk.syn(), true, what + " SYN"));
        if (traffic.chance(85)) {
          ASSERT_TRUE(both(t.talk.syn_ack(), false, what + " SYN-ACK"));
        }
        if (traffic.chance(30)) {  // later bytes overtake the first payload
          const std::uint32_t at = t.talk.c(traffic.chance(20) ? 1u << 29 : 300);
          const Frame early = t.talk.from_client_raw(at, t.talk.s(0), kAck, request(200));
          ASSERT_TRUE(both(early, true, what + " early"));
        }
      }
      if (traffic.chance(10)) store_skip(last_kernel.seq + traffic.below(4000) - 500);
      const bool from_client = traffic.chance(60);
      const Frame frame = from_client ? traffic.from_client(t) : traffic.from_server(t);
      ASSERT_TRUE(both(frame, from_client, what + (from_client ? " client" : " server")));
    }
    expect_same_counters();
  }
}

TEST_F(TwinTest, SendsTheSameRecordsForDamagedFrames) {
  std::mt19937_64 random(7);
  RandomTraffic traffic(7);
  for (int step = 0; step < 4000; ++step) {
    // Client frames only: a test run of a tc program refuses frames with a broken IP header.
    Frame frame = traffic.from_client(traffic.any());
    for (unsigned n = 1 + traffic.below(3); n > 0; --n) {
      frame[12 + traffic.below(std::min<unsigned>(70, static_cast<unsigned>(frame.size()) - 12))] =
          static_cast<std::uint8_t>(random());
    }
    if (traffic.chance(20))
      frame.resize(14 + traffic.below(static_cast<unsigned>(frame.size()) - 14));
    ASSERT_TRUE(both(frame, true, "step " + std::to_string(step)));
  }
  expect_same_counters();
}

TEST_F(TwinTest, KeepsBytesWaitingThatOvertookTheFirstPayload) {
  const Conversation talk;
  const std::string text = request(200);
  both(talk.syn(), true, "SYN");
  both(talk.syn_ack(), false, "SYN-ACK");
  EXPECT_TRUE(both(talk.send(100, text.substr(100)), true, "second half"));
  EXPECT_TRUE(both(talk.send(0, text.substr(0, 100)), true, "first half"));
  EXPECT_TRUE(both(talk.answer(0, 200), false, "acknowledgment of both"));
  EXPECT_EQ(lab->counters().records[PW_RECORD_ACK], 1u);
}

TEST_F(TwinTest, JudgesBlockAndAllowEntriesAlike) {
  const auto entry = [&](const std::string& prefix, pw_block_action action,
                         pw_block_origin origin) {
    lab->block(prefix, action, origin);
    twin->block(IpPrefix::parse(prefix).value(), action, origin, std::nullopt);
  };
  const auto allow = [&](const std::string& prefix, std::uint8_t scope) {
    lab->allow(prefix, scope);
    twin->allow(IpPrefix::parse(prefix).value(), scope);
  };
  entry("198.51.100.0/24", PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  entry("198.51.100.7", PW_ACTION_TAG, PW_ORIGIN_FEED);
  entry("203.0.113.0/24", PW_ACTION_TAG, PW_ORIGIN_FEED);
  entry("2001:db8:1::/64", PW_ACTION_DROP, PW_ORIGIN_FEED);
  allow("198.51.100.9", PW_ALLOW_ALL);
  allow("198.51.100.8", PW_ALLOW_SSH_PORT);
  allow("2001:db8:1::8/128", PW_ALLOW_ALL);
  std::uint16_t number = 41000;
  for (const char* client : {"198.51.100.7", "198.51.100.8", "198.51.100.9", "203.0.113.7",
                             "192.0.2.77", "2001:db8:1::7", "2001:db8:1::8"}) {
    for (const std::uint16_t port : {11434, 8000, 22, 443}) {
      Conversation talk{.family = std::strchr(client, ':') ? Family::kIpv6 : Family::kIpv4,
                        .client_port = number++,
                        .server_port = port};
      talk.client = client;
      const std::string what = std::string{client} + " to " + std::to_string(port);
      both(talk.syn(), true, what);
      both(talk.syn_ack(), false, what);
      both(talk.send(0, request(300)), true, what);
      both(talk.answer(0, 300, "HTTP/1.1 200 OK\r\n\r\n"), false, what);
    }
  }
  expect_same_counters();
}

TEST_F(TwinTest, DropsWhatHidesItsPortAlikeUnderLlmScope) {
  lab->set([](pw_settings& s) { s.llm_scope_only = 1; });
  TwinConfig config;
  config.settings = lab->settings();
  config.ports.resize(65536);
  config.ports[11434] = {PW_PORT_LLM, PW_SERVICE_OLLAMA, {}};
  twin.emplace(config, [](ByteSpan) {});
  for (const char* client : {"198.51.100.7", "2001:db8:1::7"}) {
    lab->block(client, PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
    twin->block(IpPrefix::parse(client).value(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR, std::nullopt);
  }
  const Payload start{std::string(8, 0)};
  Packet long_chain = Ethernet{} / Ipv6{};
  for (int i = 0; i < 7; ++i) long_chain.add(Ipv6Ext{.type = 60});
  const std::vector<Packet> packets{
      Ethernet{} / Ipv4{} / Tcp{},
      Ethernet{} / Ipv4{} / Tcp{.dport = 443},
      Ethernet{} / Ipv4{} / Tcp{.dport = 443, .doff = 4},
      Ethernet{} / Ipv4{.fragment = 0x2000, .protocol = 6} / start,
      Ethernet{} / Ipv4{.fragment = 0x2000} / Tcp{.dport = 443},
      Ethernet{} / Ipv4{.fragment = 0x0001, .protocol = 6} / start,
      Ethernet{} / Ipv4{.fragment = 0x0001, .protocol = 17} / start,
      Ethernet{} / Ipv4{} / Udp{},
      Ethernet{} / Ipv6{} / Ipv6Fragment{.more = true, .next_header = 6} / start,
      Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 1, .next_header = 6} / start,
      Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 1, .next_header = 17} / start,
      Ethernet{} / Ipv6{} / Ipv6Fragment{.more = true, .next_header = 60} / Payload{"abc"},
      long_chain / Tcp{},
  };
  for (std::size_t i = 0; i < packets.size(); ++i)
    both(packets[i].build(), true, "packet " + std::to_string(i));
  expect_same_counters();
}

}  // namespace
}  // namespace probewall::test
