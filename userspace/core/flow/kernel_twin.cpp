// SPDX-License-Identifier: Apache-2.0
#include "core/flow/kernel_twin.hpp"

#include <cstring>
#include <utility>

#include "core/flow/kernel_twin_state.hpp"

namespace probewall {
namespace {

FlowKey client_key(const PacketView& p) { return {p.src, p.dst, p.src_port, p.dst_port}; }
FlowKey server_key(const PacketView& p) { return {p.dst, p.src, p.dst_port, p.src_port}; }

}  // namespace

KernelTwin::State::State(const TwinConfig& config, std::function<void(ByteSpan)> on_record)
    : config_(config),
      on_record_(std::move(on_record)),
      synacks_(config.settings.hash_seed[0]),
      flows_(config.max_flows),
      sources_(config.max_sources),
      skips_(PW_SKIP_SLOTS) {}

pw_verdict KernelTwin::State::leave(const Run& run) {
  ++counters_.packets[run.verdict][run.pkt.family];
  counters_.bytes[run.verdict] += run.pkt.frame_len;
  return run.verdict;
}

pw_verdict KernelTwin::State::ingress(const PacketView& pkt, Timestamp now) {
  Run run{.pkt = pkt, .key = {}, .now = now};
  if (pkt.kind == PacketKind::kMalformed) {
    ++counters_.parse_errors[pkt.error];
    run.verdict = PW_VERDICT_MALFORMED;
  }
  if (pkt.kind == PacketKind::kFragment) ++counters_.events[PW_EVENT_FRAGMENT];
  if (pkt.family == PW_FAMILY_OTHER) return leave(run);
  if (judge(run)) return leave(run);
  if (is_llm(run)) {
    run.key = client_key(pkt);
    if (run.port.service < PW_SERVICE_COUNT) ++counters_.llm_packets[run.port.service];
    capture(run);
  }
  return leave(run);
}

bool KernelTwin::State::judge(Run& run) {
  if (run.pkt.kind == PacketKind::kTcp) run.port = config_.ports[run.pkt.dst_port];
  // The strongest live entry; among equals the longest prefix, which comes first.
  Block best;
  blocks_.visit_covering(run.pkt.src, [&](const Block& entry) {
    if (pw_action_rank(entry.action) > pw_action_rank(best.action) && entry.live(run.now))
      best = entry;
    return best.action == PW_ACTION_DROP;
  });
  if (judge_entry(run, best)) return true;
  return config_.settings.drop_fragments && run.pkt.tcp_fragment &&
         drop_gate(run, PW_VERDICT_DROP_FRAGMENT);
}

/// Under llm_scope_only also what may be TCP to an LLM port but shows no port.
bool KernelTwin::State::in_drop_scope(const Run& run) const {
  if (!config_.settings.llm_scope_only || is_llm(run)) return true;
  return run.pkt.kind == PacketKind::kMalformed ||
         (run.pkt.kind == PacketKind::kFragment && run.pkt.tcp_fragment);
}

bool KernelTwin::State::judge_entry(Run& run, const Block& entry) {
  switch (entry.action) {
    case PW_ACTION_DROP:
      if (!in_drop_scope(run)) return false;
      return drop_gate(run,
                       entry.origin == PW_ORIGIN_FEED ? PW_VERDICT_DROP_FEED : PW_VERDICT_DROP_BAN);
    case PW_ACTION_RATE_LIMIT:
      run.limited = true;
      run.verdict = PW_VERDICT_TAGGED;
      return false;
    case PW_ACTION_TAG:
      run.feed_tagged = entry.origin == PW_ORIGIN_FEED;
      run.verdict = PW_VERDICT_TAGGED;
      return false;
    default:
      return false;
  }
}

bool KernelTwin::State::drop_gate(Run& run, pw_verdict verdict) {
  if (allowed(run)) {
    run.verdict = PW_VERDICT_ALLOWLISTED;
    run.allowlisted = true;
    return false;
  }
  run.verdict = config_.settings.enforcing ? verdict : PW_VERDICT_WOULD_DROP;
  return config_.settings.enforcing;
}

bool KernelTwin::State::allowed(const Run& run) const {
  unsigned wanted = PW_ALLOW_ALL;
  if (run.port.flags & PW_PORT_SSH) wanted |= PW_ALLOW_SSH_PORT;
  bool saved = false;
  allows_.visit_covering(run.pkt.src,
                         [&](std::uint8_t scope) { return saved = (scope & wanted) != 0; });
  return saved;
}

void KernelTwin::State::egress(const PacketView& pkt, Timestamp now) {
  if (pkt.kind != PacketKind::kTcp) return;
  Run run{.pkt = pkt, .key = server_key(pkt), .now = now};
  run.port = config_.ports[pkt.src_port];
  if (!is_llm(run)) return;
  if (pkt.has(tcp_flag::kSyn)) {
    if (pkt.has(tcp_flag::kAck) && !pkt.has(tcp_flag::kRst)) take_synack(run);
    return;
  }
  if (pw_flow* flow = flows_.find(run.key)) {
    take_answer(run, *flow);
  } else if (pkt.payload_len > 0 && !pkt.has(tcp_flag::kRst)) {
    synacks_.note_spoken(synacks_.hash(run.key), pkt.seq, pkt.payload_len);
  }
}

pw_record KernelTwin::State::record_start(const Run& run, const pw_flow& flow,
                                          pw_record_type type) const {
  pw_record r{};
  r.time_ns = to_ns(run.now);
  r.flow = run.key.to_abi();
  r.seq = run.pkt.seq;
  r.ack = run.pkt.ack;
  r.type = static_cast<__u8>(type);
  r.abi_version = PW_ABI_VERSION;
  r.service = run.port.service;
  if (run.port.flags & PW_PORT_DECOY) r.flags |= PW_RECORD_DECOY;
  if (run.feed_tagged) r.flags |= PW_RECORD_FEED_TAGGED;
  r.skip_slot = flow.skip_slot;
  r.skip_tag = flow.skip_tag;
  if (flow.in_flags & PW_FLOW_ANCHORED) {
    r.isn1 = flow.client_isn1;
    r.flags |= PW_RECORD_ANCHORED;
  }
  return r;
}

void KernelTwin::State::emit(pw_record& record, ByteSpan bytes) {
  record.cap_len = static_cast<__u16>(bytes.size());
  std::memcpy(buffer_.data(), &record, sizeof record);
  if (!bytes.empty()) std::memcpy(buffer_.data() + sizeof record, bytes.data(), bytes.size());
  ++counters_.records[record.type];
  on_record_(ByteSpan{buffer_}.first(sizeof record + bytes.size()));
}

KernelTwin::KernelTwin(const TwinConfig& config, std::function<void(ByteSpan)> on_record)
    : state_(std::make_unique<State>(config, std::move(on_record))) {}
KernelTwin::~KernelTwin() = default;

pw_verdict KernelTwin::ingress(const PacketView& packet, Timestamp now) {
  return state_->ingress(packet, now);
}
void KernelTwin::egress(const PacketView& packet, Timestamp now) { state_->egress(packet, now); }

void KernelTwin::store_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) {
  if (slot < PW_SKIP_SLOTS) state_->skips_[slot] = PW_SKIP_WORD(tag, resume);
}

void KernelTwin::block(const IpPrefix& prefix, pw_block_action action, pw_block_origin origin,
                       std::optional<Timestamp> until) {
  state_->blocks_.put(prefix, {action, origin, until});
}

void KernelTwin::allow(const IpPrefix& prefix, std::uint8_t scope) {
  state_->allows_.put(prefix, scope);
}

bool KernelTwin::allows_any_of(const IpPrefix& prefix) const {
  return state_->allows_.any_overlap(
      prefix, [](std::uint8_t scope) { return (scope & PW_ALLOW_ALL) != 0; });
}

const pw_counters& KernelTwin::counters() const { return state_->counters_; }
std::uint64_t KernelTwin::flows_active() const { return state_->flows_.size(); }

pw_settings default_twin_settings() {
  pw_settings s{};
  s.hash_seed[0] = 0x9ae16a3b2f90404full;
  s.hash_seed[1] = 0xc949d7c7509e6557ull;
  s.request_budget = 4096;
  s.max_skip = 64u << 20;
  s.enforcing = 1;
  s.ipv6_source_prefix = 64;
  return s;
}

}  // namespace probewall
