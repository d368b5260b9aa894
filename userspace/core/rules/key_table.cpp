// SPDX-License-Identifier: Apache-2.0
#include "core/rules/key_table.hpp"

#include <algorithm>

namespace probewall::rules {

void KeyTable::note(std::uint32_t key, std::uint32_t source, std::uint32_t now_ds) {
  const auto found = index_.find(key);
  std::size_t at = 0;
  if (found != index_.end()) {
    at = found->second;
  } else if (ring_.size() < kMaxKeys) {
    at = ring_.size();
    ring_.emplace_back();
  } else {
    at = next_;
    next_ = (next_ + 1) % kMaxKeys;
    index_.erase(ring_[at].key);
    ring_[at] = Key{};
  }
  Key& entry = ring_[at];
  if (found == index_.end()) {
    entry.key = key;
    index_.emplace(key, static_cast<std::uint32_t>(at));
  }
  const auto known = std::find_if(entry.uses.begin(), entry.uses.end(),
                                  [&](const Use& use) { return use.source == source; });
  if (known != entry.uses.end()) {
    known->seen_ds = now_ds;
  } else if (entry.uses.size() < kSources) {
    entry.uses.push_back({source, now_ds});
  } else {
    *std::min_element(entry.uses.begin(), entry.uses.end(), [](const Use& a, const Use& b) {
      return a.seen_ds < b.seen_ds;
    }) = {source, now_ds};
  }
}

void KeyTable::accept(std::uint32_t key, std::uint32_t server) {
  const auto found = index_.find(key);
  if (found == index_.end() || accepted(key, server)) return;
  std::vector<std::uint32_t>& servers = ring_[found->second].servers;
  if (servers.size() == kServers) servers.erase(servers.begin());
  servers.push_back(server);
}

bool KeyTable::accepted(std::uint32_t key, std::uint32_t server) const {
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  const std::vector<std::uint32_t>& servers = ring_[found->second].servers;
  return std::find(servers.begin(), servers.end(), server) != servers.end();
}

std::uint32_t KeyTable::sources(std::uint32_t key, std::uint32_t within_ds,
                                std::uint32_t now_ds) const {
  const auto found = index_.find(key);
  if (found == index_.end()) return 0;
  const auto& uses = ring_[found->second].uses;
  return static_cast<std::uint32_t>(std::count_if(uses.begin(), uses.end(), [&](const Use& use) {
    return use.seen_ds >= now_ds || now_ds - use.seen_ds <= within_ds;
  }));
}

}  // namespace probewall::rules
