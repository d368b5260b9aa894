// SPDX-License-Identifier: Apache-2.0
// What the configuration means to the kernel programs.
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "dataplane/dataplane.hpp"
#include "dataplane/object_set.hpp"
#include "probewall/abi/records.h"

namespace probewall {
namespace {

constexpr std::uint32_t kMaxGroups = kMaxRings / PW_MAX_WORKERS;
constexpr std::uint64_t kMinRing = 64 * 1024;  // a few capped bodies
constexpr std::uint64_t kGoodRing = 1 << 20;   // below this, fewer and larger rings are better
constexpr std::uint64_t kMaxRing = 1u << 30;

struct PortService {
  std::uint16_t port;
  pw_service service;
};
/// Default ports of the servers, as their makers ship them. Several products share a port: its
/// first row, the most common one, names it in metrics. 80 and 8002 are named when configured: much
/// else listens there, so the default `ports` leave them out (table in core/llm/README.md).
constexpr std::array kServices = {
    PortService{80, PW_SERVICE_TGI},  // in its container; published as 8080 or 3000
    PortService{1234, PW_SERVICE_LMSTUDIO},  PortService{1337, PW_SERVICE_JAN},
    PortService{3000, PW_SERVICE_OPENWEBUI}, PortService{3000, PW_SERVICE_TGI},
    PortService{4000, PW_SERVICE_LITELLM},   PortService{4891, PW_SERVICE_GPT4ALL},
    PortService{5000, PW_SERVICE_TEXTGEN},   PortService{5001, PW_SERVICE_KOBOLDCPP},
    PortService{6277, PW_SERVICE_MCP},       PortService{7860, PW_SERVICE_TEXTGEN},
    PortService{8000, PW_SERVICE_VLLM},      PortService{8000, PW_SERVICE_TRITON},
    PortService{8000, PW_SERVICE_RAY},       PortService{8001, PW_SERVICE_TRITON},  // gRPC
    PortService{8002, PW_SERVICE_TRITON},                                           // metrics
    PortService{8080, PW_SERVICE_LLAMACPP},  PortService{8080, PW_SERVICE_LOCALAI},
    PortService{8080, PW_SERVICE_OPENWEBUI}, PortService{8080, PW_SERVICE_TGI},
    PortService{8265, PW_SERVICE_RAY},       PortService{9997, PW_SERVICE_XINFERENCE},
    PortService{11434, PW_SERVICE_OLLAMA},   PortService{30000, PW_SERVICE_SGLANG},
};
constexpr std::array<const char*, PW_SERVICE_COUNT> kServiceNames = {
    "other",   "ollama",  "llamacpp",  "lmstudio",   "localai", "vllm",      "sglang",
    "tgi",     "textgen", "koboldcpp", "xinference", "litellm", "openwebui", "jan",
    "gpt4all", "ray",     "mcp",       "decoy",      "triton"};

template <typename T>
T clamped(std::uint64_t value) {
  return static_cast<T>(std::min<std::uint64_t>(value, std::numeric_limits<T>::max()));
}

}  // namespace

std::uint8_t service_of_port(std::uint16_t port) {
  for (const auto& s : kServices) {
    if (s.port == port) return s.service;
  }
  return PW_SERVICE_OTHER;
}

const char* service_name(std::uint8_t service) {
  return kServiceNames[service < PW_SERVICE_COUNT ? service : std::uint8_t{PW_SERVICE_OTHER}];
}

RingLayout ring_layout(const Config& config) {
  RingLayout layout;
  layout.workers = std::clamp(config.capture.workers, 1u, std::uint32_t{PW_MAX_WORKERS});
  const long cpus = std::max(1l, sysconf(_SC_NPROCESSORS_CONF));
  const std::uint64_t per_worker = config.capture.memory / layout.workers;
  // One group per CPU as long as the rings stay large: CPUs that share a ring share its lock.
  layout.groups = clamped<std::uint32_t>(std::clamp<std::uint64_t>(
      per_worker / kGoodRing, 1,
      std::min<std::uint64_t>(kMaxGroups, static_cast<std::uint64_t>(cpus))));
  layout.ring_bytes = clamped<std::uint32_t>(
      std::bit_floor(std::clamp(per_worker / layout.groups, kMinRing, kMaxRing)));
  return layout;
}

Result<pw_settings> settings_from(const Config& config, const std::optional<pw_settings>& keep) {
  pw_settings s{};
  if (keep && (keep->hash_seed[0] | keep->hash_seed[1]) != 0) {
    s.hash_seed[0] = keep->hash_seed[0];
    s.hash_seed[1] = keep->hash_seed[1];
  } else if (getrandom(s.hash_seed, sizeof s.hash_seed, 0) != sizeof s.hash_seed) {
    return fail(errno, "getrandom");
  }
  s.capture_bytes_per_s = config.capture.source_bytes_per_second;
  s.capture_burst_bytes = config.capture.source_bytes_per_second;
  s.rate_requests_per_s = config.rate.requests;
  s.rate_burst = config.rate.burst;
  s.unproven_per_s = config.capture.unproven_per_second;
  s.request_budget = std::min<std::uint32_t>(config.capture.bytes_per_request, PW_CAP_MAX);
  // Sequence distances are signed 32 bit.
  s.max_skip =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(config.limits.body_bytes, INT32_MAX));
  s.tag_mask = config.tag.mask & config.tag.mark;
  s.tag_shift = s.tag_mask == 0 ? 0 : static_cast<std::uint32_t>(std::countr_zero(s.tag_mask));
  const RingLayout layout = ring_layout(config);
  s.ring_workers = layout.workers;
  s.ring_groups = layout.groups;
  s.enforcing = config.mode == Mode::kEnforce;
  s.llm_scope_only = config.block.scope == BlockScope::kLlm;
  s.drop_fragments = config.limits.drop_fragments;
  s.ipv6_source_prefix = static_cast<std::uint8_t>(std::min(config.block.ipv6_prefix, 128u));
  return s;
}

}  // namespace probewall
