// SPDX-License-Identifier: Apache-2.0
#include "core/rules/request_view.hpp"

#include <algorithm>

#include "core/rules/evaluate.hpp"

namespace probewall::rules {
namespace {

/// All that a reading depends on besides the request's bytes.
std::uint64_t circumstances_of(const Request& request, const SenderFacts& sender) {
  const std::uint64_t early = std::min<std::uint64_t>(sender.requests - 1u, Plan::kEarly);
  return std::uint64_t{request_flags(request)} << 8 | early << 1 |
         static_cast<std::uint64_t>(sender.key_accepted);
}

/// Whether requests of the same bytes may differ in it.
bool asks_for_place(const Condition& condition) {
  switch (condition.test) {
    case Test::kPort:
    case Test::kAddress:
    case Test::kModelHosted:
      return true;
    default:
      return std::any_of(condition.children.begin(), condition.children.end(), asks_for_place);
  }
}

}  // namespace

void RequestViews::use(const RuleSet::Compiled& rules) {
  rules_ = &rules;
  reader_.use(rules);
  kept_.clear();
  by_content_.assign(rules.plan.words, 0);
  for (std::size_t w = 0; w < rules.plan.watchers; ++w) {
    if (!asks_for_place(rules.plan.rest[w])) set_bit(by_content_, w);
  }
  fresh_.exact = rules.plan.exact.row(0);
}

/// Evaluates what is the same for all requests of these bytes.
void RequestViews::settle(Kept& kept) const {
  const Plan& plan = rules_->plan;
  WatcherBits& candidates = kept.view.features.candidates;
  kept.exact.assign(plan.exact.row(0).begin(), plan.exact.row(0).end());
  WatcherBits open = candidates;
  keep_only(open, by_content_);
  drop(open, kept.exact);
  for_each_bit(open, 0, plan.watchers, [&](std::size_t w) {
    if (holds(plan.rest[w], kept.view.features)) {
      set_bit(kept.exact, w);
    } else {
      clear_bit(candidates, w);
    }
  });
  kept.view.exact = kept.exact;
}

RequestView& RequestViews::read(const Request& request, const SenderFacts& sender) {
  if (request.content == 0) {
    reader_.read(request, sender, fresh_.features);
    fresh_.hashes.begin(fresh_.features);
    return fresh_;
  }
  if (kept_.empty()) kept_.resize(kKept);
  const std::uint64_t circumstances = circumstances_of(request, sender);
  auto& kept = kept_[(request.content + circumstances) % kKept];
  if (!kept) kept = std::make_unique<Kept>();
  if (kept->content != request.content || kept->circumstances != circumstances) {
    kept->content = request.content;
    kept->circumstances = circumstances;
    kept->request = request;
    reader_.read(kept->request, sender, kept->view.features);
    kept->view.hashes.begin(kept->view.features);
    settle(*kept);
  } else {
    kept->view.hashes.keep_contents();
  }
  kept->view.features.request = &request;
  return kept->view;
}

}  // namespace probewall::rules
