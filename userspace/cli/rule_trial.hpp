// SPDX-License-Identifier: Apache-2.0
// One session through the kernel's twin and the core, as if its packets had come in: which rules
// hit at which request, and what policy makes of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/session_file.hpp"
#include "config/config.hpp"
#include "core/events.hpp"
#include "core/rules/rule_set.hpp"

namespace probewall::cli {

struct TrialHit {
  std::string rule;
  double points = 0;
  bool shadow = false;
  bool by_answer = false;  ///< the answer completed it
};

struct TrialRequest {
  std::string method, path, model;
  Api api = Api::kNone;
  Impl impl = Impl::kUnknown;
  int status = 0;  ///< 0: no answer known
  std::vector<TrialHit> hits;
  double score = 0;      ///< the source's, after request and answer
  bool decided = false;  ///< its evidence made the decision
};

struct Trial {
  std::vector<TrialRequest> requests;  ///< those of the session; earlier use is not listed
  double score = 0;                    ///< at the end
  std::optional<Decision> decision;    ///< the first one
  std::size_t decided_at = 0;          ///< request number, from 1
};

/// The sessions in one world, each a source of its own: servers of one name are the same, and what
/// the sessions have in common (a key) is seen. They begin together; requests are sent in the order
/// of their times. One trial for each session, in order.
std::vector<Trial> try_together(const std::vector<Session>& sessions, const Config& config,
                                const std::shared_ptr<const RuleSet>& rules);
/// A session that talks to servers of its own, in a world of its own; requests in their order.
Trial try_session(const Session& session, const Config& config,
                  const std::shared_ptr<const RuleSet>& rules);

}  // namespace probewall::cli
