// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/dataplane.hpp"
#include "dataplane/xdp_hook.hpp"
#include "probewall/abi/records.h"

namespace probewall {
namespace {

TEST(Settings, SayWhatTheConfigurationSays) {
  Config config;
  config.mode = Mode::kObserve;
  config.block.scope = BlockScope::kLlm;
  config.limits.drop_fragments = true;
  config.capture.bytes_per_request = 2048;
  config.rate.requests = 17;
  config.limits.body_bytes = 1ull << 40;

  const auto s = settings_from(config, std::nullopt);

  ASSERT_TRUE(s);
  EXPECT_EQ(s->enforcing, 0);
  EXPECT_EQ(s->llm_scope_only, 1);
  EXPECT_EQ(s->drop_fragments, 1);
  EXPECT_EQ(s->request_budget, 2048u);
  EXPECT_EQ(s->rate_requests_per_s, 17u);
  EXPECT_EQ(s->max_skip, 0x7fffffffu) << "sequence distances are signed 32 bit";
  EXPECT_EQ(s->tag_mask, 0x000f0000u);
  EXPECT_EQ(s->tag_shift, 16u);
  EXPECT_EQ(s->ipv6_source_prefix, 64);
}

TEST(Settings, SeedIsFreshWithoutAnEarlierOneAndKeptWithOne) {
  const auto a = *settings_from({}, std::nullopt), b = *settings_from({}, std::nullopt);
  EXPECT_NE(std::memcmp(a.hash_seed, b.hash_seed, sizeof a.hash_seed), 0);
  const auto c = *settings_from({}, a);
  EXPECT_EQ(std::memcmp(a.hash_seed, c.hash_seed, sizeof a.hash_seed), 0);
  const auto from_zero = *settings_from({}, pw_settings{});
  EXPECT_NE(from_zero.hash_seed[0] | from_zero.hash_seed[1], 0u);
}

TEST(RingLayout, StaysWithinTheMemoryAndGivesPowersOfTwo) {
  for (const std::uint32_t workers : {1u, 2u, 16u, 100u}) {
    for (const std::uint64_t memory : {4ull << 20, 32ull << 20, 100'000'000ull}) {
      Config config;
      config.capture.workers = workers;
      config.capture.memory = memory;
      const auto layout = ring_layout(config);
      EXPECT_LE(std::uint64_t{layout.workers} * layout.groups * layout.ring_bytes, memory);
      EXPECT_EQ(layout.ring_bytes & (layout.ring_bytes - 1), 0u);
      EXPECT_GE(layout.ring_bytes, 64u * 1024);
      EXPECT_LE(layout.workers * layout.groups, 256u);
      EXPECT_EQ(settings_from(config, std::nullopt)->ring_groups, layout.groups);
    }
  }
}

TEST(Services, DefaultPortsHaveTheirProductsAndEveryServiceAName) {
  EXPECT_EQ(service_of_port(11434), PW_SERVICE_OLLAMA);
  EXPECT_EQ(service_of_port(1234), PW_SERVICE_LMSTUDIO);
  EXPECT_EQ(service_of_port(30000), PW_SERVICE_SGLANG);
  EXPECT_EQ(service_of_port(80), PW_SERVICE_TGI);
  EXPECT_EQ(service_of_port(8001), PW_SERVICE_TRITON);
  EXPECT_EQ(service_of_port(22), PW_SERVICE_OTHER);
  EXPECT_STREQ(service_name(PW_SERVICE_OLLAMA), "ollama");
  EXPECT_STREQ(service_name(PW_SERVICE_DECOY), "decoy");
  EXPECT_STREQ(service_name(PW_SERVICE_TRITON), "triton");
  EXPECT_STREQ(service_name(200), "other");
  for (int i = 0; i < PW_SERVICE_COUNT; ++i) {
    EXPECT_GT(std::strlen(service_name(static_cast<std::uint8_t>(i))), 0u);
  }
}

TEST(Services, PortOfSeveralProductsGoesToTheMostCommonOne) {
  EXPECT_EQ(service_of_port(8080), PW_SERVICE_LLAMACPP);
  EXPECT_EQ(service_of_port(8000), PW_SERVICE_VLLM);
  EXPECT_EQ(service_of_port(3000), PW_SERVICE_OPENWEBUI);
}

TEST(PinName, HasNoCharacterThatBpffsRefuses) {
  EXPECT_EQ(pin_name("eth0"), "eth0");
  EXPECT_EQ(pin_name("eth0.100"), "eth0~2e100");
  EXPECT_EQ(pin_name("a~2eb"), "a~7e2eb");
}

}  // namespace
}  // namespace probewall
