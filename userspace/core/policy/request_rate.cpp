// SPDX-License-Identifier: Apache-2.0
#include "core/policy/request_rate.hpp"

#include <algorithm>

namespace probewall {

RequestRate::RequestRate(std::uint32_t per_second, std::uint32_t burst, std::uint32_t max_sources)
    : max_sources_(std::max(max_sources, 1u)) {
  set_limits(per_second, burst);
}

void RequestRate::set_limits(std::uint32_t per_second, std::uint32_t burst) {
  per_second_ = per_second;
  burst_ = std::max(burst, 1u);
}

bool RequestRate::exceeded(const IpPrefix& source, Timestamp time, bool unseen) {
  if (per_second_ == 0) return false;
  auto found = buckets_.find(source);
  if (found == buckets_.end()) {
    if (!unseen) return false;
    if (buckets_.size() >= max_sources_) make_room(time);
    // The request before it on its connection was the first one.
    found = buckets_.emplace(source, Bucket{burst_ - 1, time, {}}).first;
  }
  Bucket& bucket = found->second;
  refill(bucket, time);
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return false;
  }
  // What the kernel saw, it has limited itself.
  if (!unseen || time < bucket.quiet_until) return false;
  bucket.quiet_until = time + kLimitedFor;
  return true;
}

void RequestRate::refill(Bucket& bucket, Timestamp time) const {
  if (time <= bucket.refilled) return;
  const double seconds = std::chrono::duration<double>(time - bucket.refilled).count();
  bucket.tokens = std::min(burst_, bucket.tokens + seconds * per_second_);
  bucket.refilled = time;
}

/// Forgets sources that may send a whole burst again, at most once a second; else any one.
void RequestRate::make_room(Timestamp time) {
  if (time - swept_ >= std::chrono::seconds{1}) {
    swept_ = time;
    boost::unordered::erase_if(buckets_, [&](auto& entry) {
      refill(entry.second, time);
      return entry.second.tokens >= burst_ && time >= entry.second.quiet_until;
    });
  }
  if (buckets_.size() >= max_sources_) buckets_.erase(buckets_.begin());
}

}  // namespace probewall
