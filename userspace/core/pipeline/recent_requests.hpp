// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "core/events.hpp"
#include "probewall/large_pages.hpp"

namespace probewall {

/// The last requests, for what their answers add. Ids count up, so a ring indexed by the id keeps
/// exactly the newest; memory is fixed after the first round.
class RecentRequests {
 public:
  explicit RecentRequests(std::size_t capacity);

  /// Keeps what a detection or decision needs: identity, times and flags, method, path and model;
  /// no headers, no body.
  void remember(const Request& request);
  /// nullptr: older than the ring, or never remembered. Valid until the next remember().
  const Request* find(std::uint64_t request_id) const;

 private:
  std::vector<Request, LargePages<Request>> ring_;
};

}  // namespace probewall
