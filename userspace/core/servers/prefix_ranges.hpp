// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "probewall/ip.hpp"

namespace probewall {

/// A set of addresses given by prefixes. Look-up takes the logarithm of their number.
class PrefixRanges {
 public:
  PrefixRanges() = default;
  explicit PrefixRanges(const std::vector<IpPrefix>& prefixes);
  bool contains(const IpAddress& address) const;

 private:
  struct Range {
    IpAddress first, last;
  };
  std::vector<Range> ranges_;  // disjoint, in order
};

}  // namespace probewall
