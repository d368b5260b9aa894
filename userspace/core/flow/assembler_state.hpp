// SPDX-License-Identifier: Apache-2.0
// What RequestAssembler is made of; private to this folder.
#pragma once

#include <string>
#include <vector>

#include "core/decode/record.hpp"
#include "core/flow/flow_table.hpp"
#include "core/flow/request_assembler.hpp"
#include "core/http/hpack.hpp"
#include "core/llm/classify.hpp"
#include "core/llm/fields_reader.hpp"
#include "core/text_memo.hpp"

namespace probewall {

/// No honest segment is farther off the expected byte, known bodies aside.
inline constexpr std::int32_t kWindow = 1 << 20;

class RequestAssembler::State {
 public:
  State(const AssemblerConfig& config, AssemblerSink& sink);

  void on_record(ByteSpan bytes);
  void advance(Timestamp now);
  void finish(Timestamp now);
  std::uint64_t flows_active() const { return table_.size() - table_.count(kClosedQueue); }
  std::uint64_t flows_total() const { return flows_total_; }

 private:
  class Context;

  // assembler_state.cpp: records and flows
  void on_capture(const RecordView& record);
  void on_ack(const RecordView& record);
  void on_response(const RecordView& record);
  void on_close(const RecordView& record);
  Flow& flow_for(const FlowKey& key);
  void make_room();
  void restart(Flow& flow);
  void retire(Flow& flow);   ///< gives out what is half-read and erases
  void wind_up(Flow& flow);  ///< gives out what is half-read
  bool client_close_is_plausible(const Flow& flow, std::uint32_t seq) const;

  // assembler_segments.cpp: bytes into the stream
  void accept(Flow& flow, Segment segment);
  void anchor(Flow& flow, const Segment& segment);
  void place(Flow& flow, Segment segment);
  bool pass_gap_to(Flow& flow, const Segment& segment);
  void consume(Flow& flow, const Segment& segment);
  void drain(Flow& flow);
  void buffer(Flow& flow, const Segment& segment);
  void give_up_gap(Flow& flow);
  void try_anchor(Flow& flow);
  void note_unseen_http2(Flow& flow);
  void note_conflict(Flow& flow, std::uint32_t lo, std::uint32_t hi);
  void check_overlap(Flow& flow, const Segment& segment, std::string_view bytes);
  void client_finished(Flow& flow);
  void after_bytes(Flow& flow);
  void bound_http2(Flow& used);

  // assembler_proof.cpp: proof, and what the kernel is told
  void hold(Flow& flow, const Segment& segment);
  void prove(Flow& flow, const ServerAck& ack);
  void check_batch(Flow& flow, const std::vector<Segment>& batch);
  void steer_capture(Flow& flow);
  void grant(Flow& flow, std::uint32_t resume);

  // assembler_output.cpp: requests, answers, time-outs
  void give_out(Flow& flow, RequestDraft& draft, Ending ending);
  void read_head(std::string_view text, RequestHead& out);
  void read_content(const RequestDraft& draft, Request& request);
  Impl product_of(std::string_view answer);
  void settle_answers(Flow& flow);
  void flush_answer(Flow& flow, bool give_up);
  void emit(Flow& flow, AnswerMatcher::Answer&& answer);
  void expire_requests();
  void expire_answers();
  void expire_waiting();
  void expire_flows();
  void lose(Loss what, std::uint64_t count);

  /// What the bytes of a request say.
  struct Content {
    std::uint64_t number = 0;
    LlmFields llm;
    Classified kind;
  };

  AssemblerConfig config_;
  AssemblerSink& sink_;
  Http2Ledger http2_;  ///< before the table, whose flows write to it to their end
  FlowTable table_;
  DraftPool drafts_;
  std::vector<Segment> proven_;  ///< scratch
  LlmFieldsReader llm_reader_;
  TextMemo<RequestHead> heads_;  ///< without keys, as contents_: those are not kept
  TextMemo<Content> contents_;   ///< of requests that stand in one piece
  TextMemo<Impl> answers_;
  std::uint64_t next_content_ = 1;
  Timestamp now_{};
  std::uint64_t next_id_ = 1;
  std::uint64_t flows_total_ = 0;
  std::size_t held_bytes_ = 0;
};

/// What a stream sees of its flow.
class RequestAssembler::State::Context final : public StreamContext {
 public:
  Context(State& state, Flow& flow) : state_(state), flow_(flow) {}
  /// A flow keeps its place while older requests are unfinished (HTTP/2).
  void on_draft_begun() override {
    if (!flow_.in(kRequestQueue)) state_.table_.push_back(flow_, kRequestQueue);
  }
  void on_draft(RequestDraft& draft, Ending ending) override {
    state_.give_out(flow_, draft, ending);
  }
  void on_stream_loss(Loss what, std::uint64_t count) override { state_.lose(what, count); }
  void on_http2() override {
    state_.table_.push_back(flow_, kHttp2Queue);
    flow_.answers.use_http2(state_.http2_);
  }
  void on_http1() override {
    state_.table_.remove(flow_, kHttp2Queue);
    flow_.answers.drop_http2();
  }
  Http2Ledger& http2_ledger() override { return state_.http2_; }
  DraftPool& pool() override { return state_.drafts_; }
  const HashSecret& secret() const override { return state_.config_.key_hash_secret; }
  void read_head(std::string_view text, RequestHead& out) override { state_.read_head(text, out); }
  std::size_t cap() const override { return state_.config_.bytes_per_request; }

 private:
  State& state_;
  Flow& flow_;
};

}  // namespace probewall
