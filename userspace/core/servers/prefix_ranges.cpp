// SPDX-License-Identifier: Apache-2.0
#include "core/servers/prefix_ranges.hpp"

#include <algorithm>

namespace probewall {
namespace {

IpAddress last_of(const IpPrefix& prefix) {
  IpAddress last = prefix.address;
  // IPv4 lies in the low 32 bits of the mapped form.
  const unsigned bits = prefix.length + (prefix.is_v4() ? 96u : 0u);
  for (unsigned i = 0; i < last.bytes.size(); ++i) {
    const unsigned kept = bits > i * 8 ? std::min(bits - i * 8, 8u) : 0;
    last.bytes[i] = static_cast<std::uint8_t>(last.bytes[i] | (0xffu >> kept));
  }
  return last;
}

}  // namespace

PrefixRanges::PrefixRanges(const std::vector<IpPrefix>& prefixes) {
  std::vector<Range> all;
  all.reserve(prefixes.size());
  for (const IpPrefix& prefix : prefixes) all.push_back({prefix.address, last_of(prefix)});
  std::sort(all.begin(), all.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  for (const Range& range : all) {
    if (!ranges_.empty() && range.first <= ranges_.back().last) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool PrefixRanges::contains(const IpAddress& address) const {
  const auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), address,
      [](const IpAddress& wanted, const Range& range) { return wanted < range.first; });
  return after != ranges_.begin() && address <= std::prev(after)->last;
}

}  // namespace probewall
