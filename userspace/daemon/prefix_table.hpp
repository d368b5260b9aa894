// SPDX-License-Identifier: Apache-2.0
// Values by prefix, in prefix order, with look-ups by address. For the lists of a daemon, not for
// the packet path.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include "probewall/ip.hpp"

namespace probewall {

template <typename T>
class PrefixTable {
 public:
  using Entries = std::map<IpPrefix, T>;
  using Entry = typename Entries::value_type;

  void put(const IpPrefix& prefix, T value) {
    if (entries_.insert_or_assign(prefix, std::move(value)).second) ++length_count(prefix);
  }
  bool erase(const IpPrefix& prefix) {
    if (entries_.erase(prefix) == 0) return false;
    --length_count(prefix);
    return true;
  }
  void clear() {
    entries_.clear();
    lengths_v4_.fill(0);
    lengths_v6_.fill(0);
  }

  const Entries& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  const T* find(const IpPrefix& prefix) const {
    const auto it = entries_.find(prefix);
    return it == entries_.end() ? nullptr : &it->second;
  }

  /// The longest prefix around `prefix` (itself included) whose value `accept` takes; nullptr:
  /// none. Only lengths that exist are tried.
  template <typename Accept>
  const Entry* longest_around(const IpPrefix& prefix, Accept accept) const {
    for (int length = prefix.length; length >= 0; --length) {
      const auto l = static_cast<std::size_t>(length);
      if ((prefix.is_v4() ? lengths_v4_[l] : lengths_v6_[l]) == 0) continue;
      const auto it = entries_.find(IpPrefix::of(prefix.address, static_cast<unsigned>(length)));
      if (it != entries_.end() && accept(it->second)) return &*it;
    }
    return nullptr;
  }
  /// Some entry that shares an address with `prefix`; nullptr: none.
  const Entry* overlapping(const IpPrefix& prefix) const {
    if (const auto* around = longest_around(prefix, [](const T&) { return true; })) return around;
    // Entries inside `prefix` sort directly behind it: same leading bytes, host bits cleared there.
    for (auto it = entries_.lower_bound(prefix); it != entries_.end(); ++it) {
      if (prefix.contains(it->first)) return &*it;
      // Past the prefix. Only a wide IPv6 prefix has foreign entries in between: mapped IPv4 ones.
      if (prefix.is_v4() || !it->first.is_v4()) break;
    }
    return nullptr;
  }

 private:
  std::uint32_t& length_count(const IpPrefix& p) {
    return p.is_v4() ? lengths_v4_[p.length] : lengths_v6_[p.length];
  }

  Entries entries_;
  std::array<std::uint32_t, 33> lengths_v4_{};
  std::array<std::uint32_t, 129> lengths_v6_{};
};

}  // namespace probewall
