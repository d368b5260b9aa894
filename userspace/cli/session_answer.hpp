// SPDX-License-Identifier: Apache-2.0
// Answers for recorded sessions that only say which status came back.
#pragma once

#include <string>
#include <vector>

#include "cli/json_view.hpp"
#include "cli/session_file.hpp"

namespace probewall::cli {

class AnswerMaker {
 public:
  /// `session` must outlive it.
  explicit AnswerMaker(const Json& session);
  /// The answer as sent: `resp_body` and `resp_headers` when they are there, else what a server
  /// that hosts the models of the session's successful requests would say.
  std::string answer(const Json& request) const;
  /// Six ordinary, answered requests of the two days before, with the first request's key.
  std::vector<SessionRequest> earlier_use() const;

 private:
  std::string made_up_body(const Json& request, std::uint64_t status) const;
  const Json& session_;
  std::vector<std::string> hosted_;
};

}  // namespace probewall::cli
