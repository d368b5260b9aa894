// SPDX-License-Identifier: Apache-2.0
// The prefilter bits of prefixes, with the counts that tell when a bit may go. The counts live in
// user space only and are rebuilt from the table at start.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "dataplane/block_gate.hpp"
#include "probewall/abi/block_table.h"
#include "probewall/ip.hpp"

namespace probewall {

/// Where the bits lie; mapped memory, not owned. `net4`: one per /24.
struct HintMemory {
  pw_front4* v4 = nullptr;
  pw_front6* v6 = nullptr;
  __u64* net4 = nullptr;
  pw_gate* gate = nullptr;    ///< what else to tell readers, when the bits are theirs
  GateBits* gate6 = nullptr;  ///< likewise
};

class BlockHints {
 public:
  explicit BlockHints(const HintMemory& memory) : memory_(memory) {}

  /// Call after the prefix, no single address, was written / removed; once per one that comes or
  /// goes. Costs microseconds, for IPv4 prefixes shorter than /8 up to milliseconds.
  void add(const IpPrefix& prefix);
  void drop(const IpPrefix& prefix);
  /// From now on the bits lie elsewhere, with the same content.
  void move_to(const HintMemory& memory);

 private:
  void count_length(const IpPrefix& prefix, bool add);
  void count_deep(const IpPrefix& prefix, bool add);
  void add_v4(const IpPrefix& prefix);
  void drop_v4(const IpPrefix& prefix);
  void drop_v4_wide(std::uint32_t net24, unsigned length);
  /// Does a prefix of at most `length` (0..24) bits other than itself cover this /24?
  bool covered_v4(std::uint32_t net24, unsigned length) const;
  void set_v4(std::uint32_t net24, bool on);
  void set_v6(std::uint32_t bit, bool on);
  void count_v6(const IpPrefix& prefix, bool add);
  void count_v6_top(const IpPrefix& prefix, bool add);
  void tell_gate();

  HintMemory memory_;
  std::map<std::uint32_t, std::uint32_t> v4_long_;   ///< by address >> 8: prefixes /25 to /31
  std::array<std::set<std::uint32_t>, 25> v4_wide_;  ///< by length 0..24: network >> 8
  boost::unordered_flat_map<std::uint32_t, std::uint32_t> v6_net_, v6_top_;  ///< by bit
  /// By bit and family. A count at its end stays until the next start.
  std::array<std::vector<std::uint8_t>, 2> deep_{std::vector<std::uint8_t>(1u << PW_DEEP_LOG2),
                                                 std::vector<std::uint8_t>(1u << PW_DEEP_LOG2)};
  std::array<std::uint32_t, 33> v4_lengths_{};
  std::array<std::uint32_t, 129> v6_lengths_{};
};

}  // namespace probewall
