// SPDX-License-Identifier: Apache-2.0
#include "daemon/allow_set.hpp"

#include <utility>

namespace probewall {
namespace {

bool same(const pw_allow_entry& a, const pw_allow_entry& b) {
  return a.scope == b.scope && a.reason == b.reason;
}

bool same(const std::map<IpPrefix, pw_allow_entry>& a,
          const std::map<IpPrefix, pw_allow_entry>& b) {
  if (a.size() != b.size()) return false;
  auto other = b.begin();
  for (const auto& [prefix, entry] : a) {
    if (prefix != other->first || !same(entry, other->second)) return false;
    ++other;
  }
  return true;
}

void merge_into(std::map<IpPrefix, pw_allow_entry>& into, const IpPrefix& prefix,
                const pw_allow_entry& entry) {
  auto& kept = into[prefix];
  kept.scope |= entry.scope;
  kept.reason |= entry.reason;
}

}  // namespace

std::vector<AllowSet::Change> AllowSet::replace(AllowLayer layer,
                                                const std::vector<NeverBlock>& entries) {
  Entries wanted;
  for (const auto& e : entries) merge_into(wanted, e.prefix, e.entry);
  auto& current = layers_[static_cast<std::size_t>(layer)];
  if (same(current, wanted)) return {};
  current = std::move(wanted);

  Entries merged;
  for (const auto& l : layers_) {
    for (const auto& [prefix, entry] : l) merge_into(merged, prefix, entry);
  }
  std::vector<Change> changes;
  for (const auto& [prefix, entry] : merged_.entries()) {
    if (!merged.contains(prefix)) changes.push_back({prefix, std::nullopt});
  }
  for (const auto& [prefix, entry] : merged) {
    const auto* before = merged_.find(prefix);
    if (before == nullptr || !same(*before, entry)) changes.push_back({prefix, entry});
  }
  for (const auto& change : changes) {
    if (change.entry) {
      merged_.put(change.prefix, *change.entry);
    } else {
      merged_.erase(change.prefix);
    }
  }
  return changes;
}

std::optional<NeverBlock> AllowSet::overlapping(const IpPrefix& prefix) const {
  const auto* hit = merged_.overlapping(prefix);
  if (hit == nullptr) return std::nullopt;
  return NeverBlock{hit->first, hit->second};
}

std::vector<NeverBlock> never_block_from_config(const ConfigAllow& config) {
  std::vector<NeverBlock> out;
  const auto add = [&out](const IpPrefix& prefix, std::uint8_t reason) {
    out.push_back({prefix, pw_allow_entry{PW_ALLOW_ALL, reason, {}}});
  };
  for (const auto& p : config.allow) add(p, PW_ALLOW_CONFIG);
  for (const auto& p : config.trusted_proxies) add(p, PW_ALLOW_TRUSTED_PROXY);
  add(*IpPrefix::parse("127.0.0.0/8"), PW_ALLOW_OWN_ADDRESS);
  add(*IpPrefix::parse("::1/128"), PW_ALLOW_OWN_ADDRESS);
  return out;
}

}  // namespace probewall
