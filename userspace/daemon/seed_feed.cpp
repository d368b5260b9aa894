// SPDX-License-Identifier: Apache-2.0
#include "daemon/seed_feed.hpp"

namespace probewall {

SeedFeed seed_feed(bool enabled, FeedAction action, const AllowSet& allow) {
  static constexpr const char* kAddresses[] = {"204.76.203.125", "45.88.186.70"};
  SeedFeed feed;
  if (!enabled) return feed;
  for (const char* text : kAddresses) {
    const auto prefix = *IpPrefix::parse(text);
    if (allow.overlapping(prefix)) {
      feed.skipped.push_back(prefix);
      continue;
    }
    pw_block_entry entry{};
    entry.expires_s = PW_NEVER_EXPIRES;
    entry.action = action == FeedAction::kBlock ? PW_ACTION_DROP : PW_ACTION_TAG;
    entry.origin = PW_ORIGIN_FEED;
    entry.prefix_len = prefix.length;
    entry.tag_bits = PW_TAG_FEED;
    feed.entries[prefix] = entry;
  }
  return feed;
}

}  // namespace probewall
