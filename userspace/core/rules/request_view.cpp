// SPDX-License-Identifier: Apache-2.0
#include "core/rules/request_view.hpp"

#include <algorithm>

namespace probewall::rules {
namespace {

/// All that a reading depends on besides the request's bytes.
std::uint64_t circumstances_of(const Request& request, const SenderFacts& sender) {
  const std::uint64_t early = std::min<std::uint64_t>(sender.requests - 1u, Plan::kEarly);
  return std::uint64_t{request_flags(request)} << 8 | early << 1 |
         static_cast<std::uint64_t>(sender.key_accepted);
}

}  // namespace

void RequestViews::use(const RuleSet::Compiled& rules) {
  reader_.use(rules);
  kept_.clear();
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
  } else {
    kept->view.hashes.keep_contents();
  }
  kept->view.features.request = &request;
  return kept->view;
}

}  // namespace probewall::rules
