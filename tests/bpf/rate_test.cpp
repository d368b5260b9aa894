// SPDX-License-Identifier: Apache-2.0
// Token buckets of proven sources (bpf/rate.bpf.h). Rates are so low that refills during a test do
// not change its outcome.
#include "conversation.hpp"

namespace probewall::test {
namespace {

class Rate : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    client = talk();
    lab->tc_out(client.syn_ack());
  }
  /// `burst` requests at once, then one per second: a loop of thousands has to reach the limit.
  void limit_requests(std::uint32_t burst) {
    lab->set([&](pw_settings& s) {
      s.rate_requests_per_s = 1;
      s.rate_burst = burst;
    });
  }
  std::uint32_t send(std::uint32_t at, const std::string& payload) {
    return lab->xdp(client.send(at, payload)).action;
  }
  std::uint64_t limited() const {
    return lab->verdicts(PW_VERDICT_RATE_LIMITED, client.abi_family());
  }
  /// Sends requests until one is dropped; the number that passed, at most `most`.
  std::uint32_t passed_requests(std::uint32_t most) {
    for (std::uint32_t i = 0; i < most; ++i) {
      if (send(i * 100, request(100)) == kDrop) return i;
    }
    return most;
  }
  Conversation client;
};

TEST_P(Rate, NoLimitMeansNoState) {
  EXPECT_EQ(passed_requests(50), 50u);
  EXPECT_EQ(lab->source_count(), 0u);
}

TEST_P(Rate, RequestsOverTheBurstAreDroppedAndCounted) {
  limit_requests(20);
  const auto passed = passed_requests(5000);
  EXPECT_GE(passed, 20u);
  EXPECT_LT(passed, 5000u);
  EXPECT_EQ(limited(), 1u);
}

TEST_P(Rate, DroppedRequestPassesWhenRetransmittedWithTokens) {
  limit_requests(1);
  const auto at = passed_requests(5000) * 100;
  limit_requests(1);
  lab->set([](pw_settings& s) { s.rate_requests_per_s = 0; });
  lab->records();
  EXPECT_EQ(send(at, request(100)), kPass);
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_PROVEN)
      << "a dropped segment is still the next expected";
}

TEST_P(Rate, BodySegmentsCostNoRequestTokens) {
  limit_requests(1);
  ASSERT_EQ(send(0, request(100)), kPass);
  for (std::uint32_t i = 1; i < 30; ++i) EXPECT_EQ(send(i * 100, std::string(100, 'b')), kPass);
}

TEST_P(Rate, FirstPayloadCostsATokenWhateverItSays) {
  limit_requests(3);
  std::uint32_t passed = 0;
  for (std::uint16_t port = 1; port < 2000; ++port, ++passed) {
    Conversation next = client;
    next.client_port = port;
    lab->tc_out(next.syn_ack());
    if (lab->xdp(next.send(0, "G")).action == kDrop) break;
  }
  EXPECT_GE(passed, 3u);
  EXPECT_LT(passed, 1000u);
}

TEST_P(Rate, ForgedRequestsSpendNothingOfTheVictim) {
  limit_requests(2);
  lab->set([](pw_settings& s) { s.capture_bytes_per_s = 1; });
  for (std::uint16_t port = 1; port < 200; ++port) {
    Conversation forged = client;
    forged.client_port = port;
    EXPECT_EQ(lab->xdp(forged.send(0, request(100))).action, kPass);
  }
  EXPECT_EQ(lab->source_count(), 0u);
  EXPECT_EQ(send(0, request(100)), kPass);
  EXPECT_EQ(limited(), 0u);
}

TEST_P(Rate, CaptureOverTheBytesIsDroppedNotPassedUnseen) {
  lab->set([](pw_settings& s) {
    s.capture_bytes_per_s = 1000;
    s.capture_burst_bytes = 10000;
    s.request_budget = 8192;
  });
  std::uint32_t at = 0;
  while (at < 200000 && send(at, request(2000)) == kPass) at += 2000;
  EXPECT_GE(at, 10000u);
  EXPECT_LT(at, 200000u);
  EXPECT_EQ(limited(), 1u);
  EXPECT_EQ(lab->records().size(), at / 2000) << "what passed was seen";
}

TEST_P(Rate, BurstBelowOneRecordStillLetsOneThrough) {
  lab->set([](pw_settings& s) {
    s.capture_bytes_per_s = 1;
    s.capture_burst_bytes = 1;
    s.request_budget = 8192;
  });
  EXPECT_EQ(send(0, request(3000)), kPass);
  EXPECT_EQ(lab->records().size(), 1u);
}

TEST_P(Rate, ObserveModeCountsAndPasses) {
  limit_requests(1);
  lab->set([](pw_settings& s) { s.enforcing = 0; });
  for (std::uint32_t i = 0; i < 50; ++i) ASSERT_EQ(send(i * 100, request(100)), kPass);
  EXPECT_GT(lab->verdicts(PW_VERDICT_WOULD_DROP, client.abi_family()), 0u);
  EXPECT_EQ(limited(), 0u);
  EXPECT_EQ(lab->records().size(), 50u) << "the request limit does not blind us";
}

TEST_P(Rate, ObserveModeProtectsTheRingFromBytesOverTheLimit) {
  lab->set([](pw_settings& s) {
    s.enforcing = 0;
    s.capture_bytes_per_s = 1;
    s.capture_burst_bytes = 8192;
  });
  for (std::uint32_t i = 0; i < 20; ++i) ASSERT_EQ(send(i * 1000, request(1000)), kPass);
  EXPECT_EQ(lab->records().size(), 8u);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_WOULD_DROP, client.abi_family()), 12u);
}

TEST_P(Rate, PassedRequestsOverTheirLimitStillSpendCaptureBytes) {
  limit_requests(1);
  lab->set([](pw_settings& s) {
    s.enforcing = 0;
    s.capture_bytes_per_s = 1;
    s.capture_burst_bytes = 8192;
  });
  for (std::uint32_t i = 0; i < 20; ++i) ASSERT_EQ(send(i * 1000, request(1000)), kPass);
  EXPECT_EQ(lab->records().size(), 8u);
}

TEST_P(Rate, AllowedSourcesAreNotLimited) {
  limit_requests(1);
  lab->allow(client.client, PW_ALLOW_ALL);
  EXPECT_EQ(passed_requests(50), 50u);
  EXPECT_GT(lab->verdicts(PW_VERDICT_ALLOWLISTED, client.abi_family()), 0u);
}

TEST_P(Rate, OverLimitPacketsThatPassAreTagged) {
  limit_requests(1);
  lab->set([](pw_settings& s) { s.enforcing = 0; });
  std::uint32_t tagged = 0;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const auto result = lab->xdp(client.send(i * 100, request(100)));
    tagged += result.tag_bits.value_or(0) == (PW_TAG_LLM_PORT | PW_TAG_RATE_LIMITED);
  }
  EXPECT_GT(tagged, 0u);
}

TEST_P(Rate, RateLimitEntryHasItsOwnNarrowBucket) {
  lab->block(client.client, PW_ACTION_RATE_LIMIT, PW_ORIGIN_DETECTOR);
  const auto passed = passed_requests(5000);
  EXPECT_GE(passed, PW_LIMITED_BURST);
  EXPECT_LT(passed, 1000u);
  EXPECT_EQ(limited(), 1u);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_TAGGED, client.abi_family()), passed);
}

PROBEWALL_BOTH_FAMILIES(Rate);

class SourceKey : public KernelTest {
 protected:
  std::size_t sources_of(const std::vector<std::string>& clients) {
    for (const auto& client : clients) {
      Conversation talk{.family = Family::kIpv6};
      talk.client = client;
      lab->tc_out(talk.syn_ack());
      EXPECT_EQ(lab->xdp(talk.send(0, request(60))).action, kPass);
    }
    return lab->source_count();
  }
  void with_prefix(std::uint8_t prefix) {
    lab->set([&](pw_settings& s) {
      s.rate_requests_per_s = 1000;
      s.rate_burst = 1000;
      s.ipv6_source_prefix = prefix;
    });
  }
};

TEST_F(SourceKey, OneSlash64IsOneSource) {
  with_prefix(64);
  EXPECT_EQ(sources_of({"2001:db8:1:2::1", "2001:db8:1:2:ffff::2"}), 1u);
  EXPECT_EQ(sources_of({"2001:db8:1:3::1"}), 2u);
}

TEST_F(SourceKey, EveryPrefixLengthSeparatesAtItsLastBit) {
  for (const unsigned prefix : {1u, 31u, 32u, 48u, 56u, 63u, 65u, 96u, 127u, 128u}) {
    start();
    with_prefix(static_cast<std::uint8_t>(prefix));
    auto flip = [](IpAddress a, unsigned bit) {
      a.bytes[bit / 8] = static_cast<std::uint8_t>(a.bytes[bit / 8] ^ (0x80 >> bit % 8));
      return a.to_string();
    };
    const auto base = IpAddress::parse("2001:db8:1:2:3:4:5:6").value();
    EXPECT_EQ(sources_of({base.to_string(), flip(base, prefix - 1)}), 2u) << prefix;
    if (prefix < 128) {
      EXPECT_EQ(sources_of({flip(base, prefix)}), 2u) << prefix;
    }
  }
}

TEST_F(SourceKey, ZeroPrefixIsOneSourceForAll) {
  with_prefix(0);
  EXPECT_EQ(sources_of({"2001:db8::1", "fd00::1"}), 1u);
}

}  // namespace
}  // namespace probewall::test
