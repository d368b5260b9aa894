// SPDX-License-Identifier: Apache-2.0
// Inside of KernelTwin; only its own .cpp files include this. Names and order of the steps are
// those of bpf/*.bpf.h, so that the two can be read side by side.
#pragma once

#include <array>
#include <optional>

#include "core/flow/kernel_twin.hpp"
#include "core/flow/kernel_twin_tables.hpp"

namespace probewall {

class KernelTwin::State {
 public:
  State(const TwinConfig& config, std::function<void(ByteSpan)> on_record);

  pw_verdict ingress(const PacketView& packet, Timestamp now);
  void egress(const PacketView& packet, Timestamp now);

  struct Block {
    pw_block_action action = PW_ACTION_NONE;
    pw_block_origin origin = PW_ORIGIN_DETECTOR;
    std::optional<Timestamp> until;
    bool live(Timestamp now) const { return !until || now < *until; }
  };

  const TwinConfig config_;
  std::function<void(ByteSpan)> on_record_;
  twin::SynackTable synacks_;
  twin::LruTable<FlowKey, pw_flow> flows_;
  twin::LruTable<IpPrefix, pw_source> sources_;
  twin::PrefixTable<Block> blocks_;
  twin::PrefixTable<std::uint8_t> allows_;  ///< enum pw_allow_scope
  std::vector<std::uint64_t> skips_;
  pw_counters counters_{};

 private:
  /// One packet, and what is known of it so far (struct pw_run).
  struct Run {
    const PacketView& pkt;
    FlowKey key;
    Timestamp now;
    pw_port port{};
    pw_verdict verdict = PW_VERDICT_PASS;
    bool allowlisted = false, limited = false, feed_tagged = false;
  };
  struct Proof {
    enum class Kind : std::uint8_t { kNone, kNext, kRepeat };
    std::uint64_t hash = 0;
    twin::SynackTable::Isns isns;
    bool anchored = false, fresh = false, first = false;
    Kind kind = Kind::kNone;
  };
  struct SkipOrder {
    bool valid = false;
    std::uint32_t resume = 0;
  };
  /// What is to be sent of one segment.
  struct Piece {
    std::uint32_t seq = 0;
    std::uint32_t off = 0;  ///< in the payload
    std::uint32_t len = 0;  ///< to the segment's end
    std::uint32_t cap = 0;  ///< of these, captured
    std::uint16_t flags = 0;
  };

  // Verdict (kernel_twin.cpp): true means drop.
  bool judge(Run& run);
  bool in_drop_scope(const Run& run) const;
  bool judge_entry(Run& run, const Block& entry);
  bool drop_gate(Run& run, pw_verdict verdict);
  bool allowed(const Run& run) const;
  pw_verdict leave(const Run& run);

  // Proof (kernel_twin_proof.cpp).
  pw_flow* prove(const Run& run, Proof& proof);
  void read_synack(const Run& run, const pw_flow* flow, Proof& proof) const;
  pw_flow& create_flow(const Run& run, const Proof& proof);

  // Capture (kernel_twin_capture.cpp): true means drop.
  bool capture(Run& run);
  bool take_payload(Run& run);
  bool take_proven(Run& run, pw_flow& flow, bool repeat);
  void take_unproven(Run& run, pw_flow* flow, const Proof& proof);
  void take_close(Run& run);
  SkipOrder skip_of(const Run& run, const pw_flow& flow) const;
  bool cut_skipped(const Run& run, SkipOrder order, Piece& piece);
  std::optional<Piece> find_hidden(ByteSpan there, Piece& piece) const;
  /// Of a cut capture file less is there than the packet had.
  static void cut_to_held(const PacketView& pkt, Piece& piece) {
    const std::size_t held = pkt.payload.size();
    piece.cap = std::min(piece.cap,
                         static_cast<std::uint32_t>(held - std::min<std::size_t>(held, piece.off)));
  }
  void emit_piece(const Run& run, const pw_flow& flow, const Piece& piece);
  void emit_close(const Run& run, const pw_flow& flow, std::uint16_t flags);

  // Rate (kernel_twin_rate.cpp).
  bool rate_limited(Run& run, Piece& piece, bool request);
  unsigned spend(const Run& run, bool request, std::uint32_t bytes, bool force);
  bool spend_unproven(Timestamp now);

  // Answer (kernel_twin_answer.cpp).
  void take_synack(const Run& run);
  void take_answer(const Run& run, pw_flow& flow);
  void track_ack(const Run& run, pw_flow& flow);
  void report_ack(const Run& run, pw_flow& flow, std::uint32_t prev);
  void take_response(const Run& run, pw_flow& flow);
  void take_server_close(const Run& run, pw_flow& flow);

  pw_record record_start(const Run& run, const pw_flow& flow, pw_record_type type) const;
  void emit(pw_record& record, ByteSpan bytes);
  bool is_llm(const Run& run) const { return run.port.flags & (PW_PORT_LLM | PW_PORT_DECOY); }
  std::uint32_t request_budget() const {
    return std::min<std::uint32_t>(config_.settings.request_budget, PW_CAP_MAX);
  }

  pw_unproven_bucket unproven_{};
  std::uint32_t next_skip_tag_ = 0;
  alignas(8) std::array<std::byte, sizeof(pw_record) + PW_CAP_MAX> buffer_{};
};

namespace twin {

inline std::uint32_t fin_length(const PacketView& p) { return p.has(tcp_flag::kFin) ? 1 : 0; }

/// rule 2's question: is this the next expected segment of a proven flow?
inline bool is_next(const PacketView& p, const pw_flow& flow) {
  return (flow.in_flags & PW_FLOW_PROVEN) && p.seq == flow.next_seq;
}

inline void advance(const PacketView& p, pw_flow& flow) {
  const std::uint32_t end = p.seq + p.payload_len + fin_length(p);
  if (seq_before(flow.next_seq, end)) flow.next_seq = end;
}

inline void grant_budget(pw_flow& flow, std::uint32_t seq) {
  flow.budget_seq = seq;
  flow.captured = 0;
}

/// next_seq follows a validly advanced server ACK, so that a flow comes back to rule 2 after loss.
void follow_server_ack(pw_flow& flow);

}  // namespace twin
}  // namespace probewall
