// SPDX-License-Identifier: Apache-2.0
// Requests and answers out, and what happens because time passes.
#include <algorithm>

#include "core/flow/assembler_state.hpp"
#include "core/http/text.hpp"
#include "core/llm/classify.hpp"

namespace probewall {
namespace {

constexpr Duration kAnswerPatience = std::chrono::milliseconds{2};
constexpr Duration kProofPatience = std::chrono::seconds{5};
constexpr Duration kClosedLinger = std::chrono::seconds{1};
/// With proof, what is missing behind proven bytes was not captured; only rings read one after
/// another make it come late. Without, a lost packet takes its retransmission time.
constexpr Duration kGapPatience = std::chrono::milliseconds{250};
constexpr Duration kGapPatienceUnproven = std::chrono::seconds{2};

bool intersects(std::uint32_t lo, std::uint32_t hi, std::uint32_t begin, std::uint32_t end) {
  return seq_before(lo, end) && seq_before(begin, hi);
}

}  // namespace

void RequestAssembler::State::read_head(std::string_view text, RequestHead& out) {
  if (const RequestHead* known = heads_.find(text)) {
    out = *known;
    return;
  }
  parse_request_head(text, config_.key_hash_secret, out);
  if (out.auth != AuthKind::kNone) return;
  if (RequestHead* place = heads_.place(text)) *place = out;
}

void RequestAssembler::State::read_content(const RequestDraft& draft, Request& r) {
  r.body_prefix = draft.body_prefix();
  const std::string_view bytes = draft.contiguous();
  Classified kind;
  if (const Content* known = contents_.find(bytes)) {
    r.content = known->number;
    r.llm = known->llm;
    kind = known->kind;
  } else {
    llm_reader_.read(r.body_prefix, r.llm);
    kind = classify(r.head, r.llm);
    Content* const place =
        r.head.auth == AuthKind::kNone ? contents_.place(bytes) : nullptr;  // keys are not kept
    r.content = place != nullptr ? next_content_++ : 0;
    if (place != nullptr) *place = {r.content, r.llm, kind};
  }
  r.api = kind.api;
  r.impl = kind.impl;
  if (r.llm.complete) r.body_prefix.resize(r.llm.document_size);
}

void RequestAssembler::State::give_out(Flow& flow, RequestDraft& draft, Ending ending) {
  Request& r = draft.request;
  r.id = next_id_++;
  r.time = draft.time;
  r.proven_time = draft.proven_time;
  r.flow = flow.key;
  r.source = source_of(flow.key.client, config_.ipv6_prefix);
  read_content(draft, r);
  r.proven = draft.proven;
  r.truncated = ending != Ending::kComplete;
  r.head_complete = draft.head_size > 0;
  r.timed_out = ending == Ending::kTimedOut;
  const std::uint32_t end = draft.end();
  r.conflicting = draft.conflicting ||
                  (flow.conflict && intersects(flow.conflict_lo, flow.conflict_hi, draft.seq, end));
  if (flow.conflict && seq_at_or_before(flow.conflict_hi, end)) flow.conflict = false;
  r.after_gap = draft.after_gap;
  r.decoy = flow.decoy;
  r.over_limit = false;  // the pipeline's to say
  r.index_on_flow = flow.requests++;
  // HTTP/2 requests may begin in one segment and all end in later ones.
  r.pipelined = r.index_on_flow > 0 &&
                (draft.first_time == flow.last_end || draft.first_time == flow.last_begin);
  flow.last_begin = draft.first_time;
  flow.last_end = draft.time;
  r.service = flow.service;
  flow.want_grant = true;
  const bool h2c = r.head.upgrade && contains_lower(r.head.header("upgrade"), "h2c");
  if (h2c) flow.answers.allow_http2(http2_);
  flow.answers.expect({.request_id = r.id,
                       .begun = draft.first_time,
                       .upgrades = r.head.upgrade && !h2c,
                       .h2c = h2c,
                       .to_head = r.head.method == "HEAD",
                       .stream = draft.stream});
  lose(Loss::kResponseUnmatched, flow.answers.take_lost());
  sink_.on_request(std::move(r));  // what the sink does not take serves the next request
}

Impl RequestAssembler::State::product_of(std::string_view answer) {
  if (const Impl* known = answers_.find(answer)) return *known;
  const Impl impl = impl_of_answer(answer);
  if (Impl* place = answers_.place(answer)) *place = impl;
  return impl;
}

void RequestAssembler::State::emit(Flow& flow, AnswerMatcher::Answer&& answer) {
  Response& r = answer.response;
  r.flow = flow.key;
  r.source = source_of(flow.key.client, config_.ipv6_prefix);
  r.service = flow.service;
  r.impl = product_of(r.head_and_body_prefix);
  if (r.status == 101 && answer.request.upgrades) {
    Context context{*this, flow};
    flow.stream.ignore(context);
    table_.remove(flow, kRequestQueue);
  }
  sink_.on_response(std::move(r));
}

/// Gives out answers that are ready; keeps the queue in step.
void RequestAssembler::State::settle_answers(Flow& flow) {
  lose(Loss::kHttp2, flow.answers.take_unread());
  if (!flow.answers.open()) {
    lose(Loss::kResponseUnmatched, flow.answers.take_lost());
    return;
  }
  while (auto answer = flow.answers.take_ready()) emit(flow, std::move(*answer));
  lose(Loss::kResponseUnmatched, flow.answers.take_lost());
  // A 101 may begin HTTP/2 before the client's preface does.
  if (flow.answers.is_http2() && !flow.in(kHttp2Queue)) table_.push_back(flow, kHttp2Queue);
  if (!flow.answers.open()) {
    table_.remove(flow, kAnswerQueue);
  } else if (!flow.in(kAnswerQueue)) {
    table_.push_back(flow, kAnswerQueue);
  }
}

/// Gives out the open answer as it is. `give_up`: also forgets one that belongs to no request.
void RequestAssembler::State::flush_answer(Flow& flow, bool give_up) {
  while (auto answer = flow.answers.take_now()) emit(flow, std::move(*answer));
  if (give_up && flow.answers.drop_unmatched()) lose(Loss::kResponseUnmatched, 1);
  lose(Loss::kResponseUnmatched, flow.answers.take_lost());
  if (!flow.answers.open()) table_.remove(flow, kAnswerQueue);
}

void RequestAssembler::State::advance(Timestamp now) {
  now_ = std::max(now_, now);
  expire_requests();
  expire_answers();
  expire_waiting();
  expire_flows();
}

void RequestAssembler::State::expire_requests() {
  if (config_.request_time <= Duration::zero()) return;
  while (Flow* flow = table_.front(kRequestQueue)) {
    const RequestDraft* draft = flow->stream.draft();
    if (draft && now_ - draft->first_time < config_.request_time) break;
    Context context{*this, *flow};
    flow->stream.expire(now_ - config_.request_time, context);
    if (flow->stream.lost()) flow->floating = true;
    table_.remove(*flow, kRequestQueue);
    if (flow->stream.has_draft()) table_.push_back(*flow, kRequestQueue);
    settle_answers(*flow);
    steer_capture(*flow);
  }
}

void RequestAssembler::State::expire_answers() {
  while (Flow* flow = table_.front(kAnswerQueue)) {
    if (!flow->answers.open()) {
      table_.remove(*flow, kAnswerQueue);
      continue;
    }
    if (now_ - flow->answers.open_since() < kAnswerPatience) break;
    // An answer may come before the body it refuses: it waits for its request.
    const bool early = !flow->answers.has_expected() && flow->stream.has_draft();
    flush_answer(*flow, !early);
    table_.remove(*flow, kAnswerQueue);
  }
}

void RequestAssembler::State::expire_waiting() {
  while (Flow* flow = table_.front(kHeldQueue)) {
    if (now_ - flow->held.oldest() < kProofPatience) break;
    const std::size_t dropped = flow->held.drop_older(now_ - kProofPatience + Duration{1});
    held_bytes_ -= dropped;
    lose(Loss::kUnprovenBytes, dropped);
    table_.remove(*flow, kHeldQueue);
    if (!flow->held.empty()) {
      table_.push_back(*flow, kHeldQueue);
    } else if (!flow->accepted) {
      retire(*flow);
    }
  }
  const Duration patience = config_.require_proof ? kGapPatience : kGapPatienceUnproven;
  while (Flow* flow = table_.front(kReadyQueue)) {
    if (now_ - flow->ready_since < patience) break;
    table_.remove(*flow, kReadyQueue);
    if (flow->floating) {  // no request line turned up
      lose(Loss::kSegmentDropped, flow->ready.size());
      flow->ready.clear();
      continue;
    }
    give_up_gap(*flow);
    after_bytes(*flow);
  }
}

void RequestAssembler::State::expire_flows() {
  while (Flow* flow = table_.front(kClosedQueue)) {
    if (now_ - flow->last_time < kClosedLinger) break;
    retire(*flow);
  }
  while (Flow* flow = table_.front(kUnprovenQueue)) {
    if (now_ - flow->last_time < kProofPatience) break;
    retire(*flow);
  }
  while (Flow* flow = table_.front(kActiveQueue)) {
    if (now_ - flow->last_time < config_.flow_idle) break;
    lose(Loss::kFlowEvictedTimeout, 1);
    retire(*flow);
  }
}

}  // namespace probewall
