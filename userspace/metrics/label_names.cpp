// SPDX-License-Identifier: Apache-2.0
#include "metrics/label_names.hpp"

namespace probewall::metrics {

const std::array<const char*, PW_VERDICT_COUNT> kVerdicts{
    "pass",        "tagged",     "drop_ban",      "drop_feed", "rate_limited",
    "allowlisted", "would_drop", "drop_fragment", "malformed"};
const std::array<const char*, PW_FAMILY_COUNT> kFamilies{"other", "ipv4", "ipv6"};
const std::array<const char*, PW_PARSE_COUNT> kParseLayers{"eth", "vlan", "ip", "ext_header",
                                                           "tcp"};
const std::array<const char*, PW_SERVICE_COUNT> kServices{
    "other",   "ollama",  "llamacpp",  "lmstudio",   "localai", "vllm",      "sglang",
    "tgi",     "textgen", "koboldcpp", "xinference", "litellm", "openwebui", "jan",
    "gpt4all", "ray",     "mcp",       "decoy",      "triton"};
const std::array<const char*, PW_RECORD_TYPE_COUNT> kRecordTypes{"none", "capture", "ack",
                                                                 "response", "close"};
const std::array<const char*, PW_EVENT_COUNT> kKernelEvents{
    "fragment",        "unproven",           "unproven_over_share",
    "skipped_packets", "skipped_bytes",      "over_budget_bytes",
    "syn_with_data",   "flow_create_failed", "source_create_failed",
    "synack_stored",   "mark_from_metadata", "mark_from_lookup",
    "llm_syn",         "load_failed"};
const std::array<const char*, PW_ORIGIN_COUNT> kOrigins{"detector", "feed", "fleet", "operator"};
const std::array<const char*, static_cast<std::size_t>(UnbanReason::kCount)> kUnbanReasons{
    "operator", "expired", "flushed"};
const std::array<const char*, static_cast<std::size_t>(MapName::kCount)> kMaps{
    "block_v4", "block_v6", "block_prefix_v4", "block_prefix_v6", "block",
    "allow",    "flows",    "sources",         "servers"};
const std::array<const char*, static_cast<std::size_t>(EventOutput::kCount)> kOutputs{"file",
                                                                                      "socket"};

}  // namespace probewall::metrics
