// SPDX-License-Identifier: Apache-2.0
#include "core/flow/assembler_state.hpp"

#include <algorithm>

namespace probewall {
namespace {

constexpr std::size_t kMaxClosed = 4096;

std::uint64_t table_seed(const HashSecret& secret) { return sip_hash("flow table", secret); }

}  // namespace

RequestAssembler::State::State(const AssemblerConfig& config, AssemblerSink& sink)
    : config_(config), sink_(sink), table_(config.max_flows, table_seed(config.key_hash_secret)) {
  config_.bytes_per_request = std::max(config_.bytes_per_request, 256u);
}

void RequestAssembler::State::lose(Loss what, std::uint64_t count) {
  if (count > 0) sink_.on_loss(what, count);
}

void RequestAssembler::State::on_record(ByteSpan bytes) {
  const auto record = decode_record(bytes);
  if (!record) {
    lose(Loss::kMalformedRecord, 1);
    return;
  }
  advance(record->time());
  switch (record->header.type) {
    case PW_RECORD_CAPTURE:
      on_capture(*record);
      break;
    case PW_RECORD_ACK:
      on_ack(*record);
      break;
    case PW_RECORD_RESPONSE:
      on_response(*record);
      break;
    case PW_RECORD_CLOSE:
      on_close(*record);
      break;
    default:
      break;
  }
}

void RequestAssembler::State::on_capture(const RecordView& record) {
  const pw_record& h = record.header;
  Segment segment;
  segment.seq = h.seq;
  segment.wire_len = h.payload_len;
  segment.ack = h.ack;
  segment.flags = h.flags;
  segment.anchored = record.has(PW_RECORD_ANCHORED);
  segment.isn1 = h.isn1;
  segment.borrowed = as_text(record.payload);
  segment.origin = {record.time(), record.time(), record.has(PW_RECORD_PROVEN)};
  if (segment.borrowed.empty()) return;

  Flow& flow = flow_for(FlowKey::from_abi(h.flow));
  flow.last_time = std::max(flow.last_time, record.time());
  flow.service = h.service;
  flow.skip_slot = h.skip_slot;
  flow.skip_tag = h.skip_tag;
  if (record.has(PW_RECORD_DECOY)) flow.decoy = true;
  if (!segment.origin.proven && config_.require_proof) {
    hold(flow, segment);
    return;
  }
  flow.captured += h.cap_len;
  accept(flow, std::move(segment));
  after_bytes(flow);
}

void RequestAssembler::State::on_ack(const RecordView& record) {
  const pw_record& h = record.header;
  Flow* flow = table_.find(FlowKey::from_abi(h.flow));
  if (!flow || !record.has(PW_RECORD_FROM_SERVER)) return;
  flow->last_time = std::max(flow->last_time, record.time());
  table_.touch(*flow);
  const ServerAck ack{h.seq, h.ack, h.prev_ack, record.time()};
  flow->acks[1] = flow->acks[0];
  flow->acks[0] = ack;
  flow->ack_count = static_cast<std::uint8_t>(std::min(flow->ack_count + 1, 2));
  prove(*flow, ack);
}

void RequestAssembler::State::on_response(const RecordView& record) {
  const pw_record& h = record.header;
  const bool start = record.has(PW_RECORD_RESPONSE_START);
  Flow* flow = table_.find(FlowKey::from_abi(h.flow));
  if (!flow) {
    if (start) lose(Loss::kResponseUnmatched, 1);
    return;
  }
  flow->last_time = std::max(flow->last_time, record.time());
  table_.touch(*flow);
  const AnswerPiece piece{record.time(), h.seq, h.payload_len, start, as_text(record.payload)};
  if (flow->answers.add(piece)) {
    flush_answer(*flow, true);
    flow->answers.add(piece);
  }
  settle_answers(*flow);
}

/// A blind attacker can send FIN or RST with a guessed sequence: where the kernel did not check it,
/// only one at the expected byte is believed, as the server does.
bool RequestAssembler::State::client_close_is_plausible(const Flow& flow, std::uint32_t seq) const {
  if (flow.floating) return true;
  const std::int64_t ahead = seq_distance(flow.expected, seq);
  const std::uint64_t body = flow.stream.body_left();
  std::int64_t reach = static_cast<std::int64_t>(std::min<std::uint64_t>(body, 1u << 30));
  if (!flow.ready.empty() || !flow.held.empty()) reach += 64 * 1024;
  return ahead >= 0 && ahead <= reach;
}

void RequestAssembler::State::on_close(const RecordView& record) {
  Flow* flow = table_.find(FlowKey::from_abi(record.header.flow));
  if (!flow) return;
  flow->last_time = std::max(flow->last_time, record.time());
  const bool server = record.has(PW_RECORD_FROM_SERVER);
  const std::uint32_t fin_seq = record.header.seq + record.header.payload_len;
  if (!server) {
    if (!record.has(PW_RECORD_PROVEN) && !client_close_is_plausible(*flow, fin_seq)) return;
    if (!record.has(PW_RECORD_RST)) {
      flow->fin_known = true;
      flow->fin_seq = fin_seq;
      const bool waiting = !flow->ready.empty() || !flow->held.empty();
      if (flow->floating || flow->expected == fin_seq || !waiting) {
        client_finished(*flow);
        after_bytes(*flow);
      }
      return;
    }
  }
  wind_up(*flow);
  table_.age_in(*flow, kClosedQueue);
  if (table_.count(kClosedQueue) > kMaxClosed) retire(*table_.front(kClosedQueue));
}

Flow& RequestAssembler::State::flow_for(const FlowKey& key) {
  if (Flow* known = table_.find(key)) {
    table_.touch(*known);
    return *known;
  }
  make_room();
  Flow& flow = table_.create(key);
  table_.push_back(flow, kUnprovenQueue);
  return flow;
}

void RequestAssembler::State::make_room() {
  // Forged packets must not push honest connections out: what was never proven goes first, and
  // never fills more than a share of the table.
  const std::size_t unproven_share = std::max<std::size_t>(table_.max_flows() / 8, 1);
  if (table_.count(kUnprovenQueue) >= unproven_share) {
    lose(Loss::kFlowEvictedCapacity, 1);
    retire(*table_.front(kUnprovenQueue));
  }
  if (!table_.full()) return;
  if (Flow* closed = table_.front(kClosedQueue)) {
    retire(*closed);
    return;
  }
  lose(Loss::kFlowEvictedCapacity, 1);
  Flow* victim = table_.front(kUnprovenQueue);
  retire(victim ? *victim : *table_.front(kActiveQueue));
}

void RequestAssembler::State::wind_up(Flow& flow) {
  if (!flow.ready.empty()) give_up_gap(flow);
  Context context{*this, flow};
  flow.stream.finish(Ending::kTruncated, context);
  if (!flow.stream.has_draft()) table_.remove(flow, kRequestQueue);
  flush_answer(flow, true);
}

void RequestAssembler::State::retire(Flow& flow) {
  wind_up(flow);
  held_bytes_ -= flow.held.bytes();
  lose(Loss::kUnprovenBytes, flow.held.clear());
  lose(Loss::kSegmentDropped, flow.ready.size());
  table_.erase(flow);
}

/// The client's port is used again: another connection under the same key.
void RequestAssembler::State::restart(Flow& flow) {
  const FlowKey key = flow.key;
  const Timestamp last_time = flow.last_time;
  const std::uint32_t slot = flow.skip_slot, tag = flow.skip_tag, captured = flow.captured;
  const std::uint8_t service = flow.service;
  const bool decoy = flow.decoy;
  HeldBuffer held = std::move(flow.held);
  const bool held_queued = flow.in(kHeldQueue);
  flow.held = HeldBuffer{};
  retire(flow);
  Flow& fresh = table_.create(key);  // takes the slot just freed: references stay good
  table_.push_back(fresh, kUnprovenQueue);
  fresh.last_time = last_time;
  fresh.skip_slot = slot;
  fresh.skip_tag = tag;
  fresh.captured = captured;
  fresh.service = service;
  fresh.decoy = decoy;
  fresh.held = std::move(held);
  if (held_queued) table_.push_back(fresh, kHeldQueue);
}

void RequestAssembler::State::finish(Timestamp now) {
  advance(now);
  for (const FlowQueue q : {kClosedQueue, kActiveQueue, kUnprovenQueue}) {
    while (Flow* flow = table_.front(q)) {
      retire(*flow);
    }
  }
}

}  // namespace probewall
