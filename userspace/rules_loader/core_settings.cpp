// SPDX-License-Identifier: Apache-2.0
#include "rules_loader/core_settings.hpp"

namespace probewall {

PolicyConfig policy_settings(const Config& c) {
  PolicyConfig p;
  p.enforce = c.mode == Mode::kEnforce;
  p.threshold = c.block.threshold;
  p.first_ban = c.block.first;
  p.factor = c.block.factor;
  p.max_ban = c.block.max;
  p.require_proof = c.require_proof;
  p.rate_requests = c.rate.requests;
  p.rate_burst = c.rate.burst;
  return p;
}

std::vector<IpPrefix> inside_of(const Config& c) {
  auto inside = c.inside;
  inside.insert(inside.end(), c.allow.begin(), c.allow.end());
  inside.insert(inside.end(), c.trusted_proxies.begin(), c.trusted_proxies.end());
  return inside;
}

PipelineConfig core_settings(const Config& c) {
  PipelineConfig p;
  p.bytes_per_request = c.capture.bytes_per_request;
  p.limit_body_bytes = c.limits.body_bytes;
  p.request_time = c.limits.request_time;
  p.max_flows = c.memory.max_flows;
  p.max_sources = c.memory.max_sources;
  p.ipv6_prefix = c.block.ipv6_prefix;
  p.require_proof = c.require_proof;
  p.inside = inside_of(c);
  p.policy = policy_settings(c);
  return p;
}

}  // namespace probewall
