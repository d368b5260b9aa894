// SPDX-License-Identifier: Apache-2.0
// Requests per source where the kernel cannot count them: it takes one token for each segment that
// begins with a request line, and a segment may hold many requests.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>

#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall {

class RequestRate {
 public:
  /// How long a source over the limit stays rate-limited.
  static constexpr Duration kLimitedFor = std::chrono::minutes{1};

  /// `per_second` 0: no limit. A source may send `burst` at once.
  RequestRate(std::uint32_t per_second, std::uint32_t burst, std::uint32_t max_sources);

  /// For requests from now on. A source keeps what it has left, up to the new burst.
  void set_limits(std::uint32_t per_second, std::uint32_t burst);

  /// Counts a proven request. `unseen`: the kernel took no token for it. True when such a request
  /// is over the limit, at most once in kLimitedFor for a source. A source is remembered from its
  /// first unseen request on, so ordinary clients cost nothing.
  bool exceeded(const IpPrefix& source, Timestamp time, bool unseen);

 private:
  struct Bucket {
    double tokens = 0;
    Timestamp refilled{};
    Timestamp quiet_until{};
  };
  void refill(Bucket& bucket, Timestamp time) const;
  void make_room(Timestamp time);

  double per_second_ = 0, burst_ = 1;
  std::size_t max_sources_;
  Timestamp swept_{};
  boost::unordered_flat_map<IpPrefix, Bucket, std::hash<IpPrefix>> buckets_;
};

}  // namespace probewall
