// SPDX-License-Identifier: Apache-2.0
// The never-block tables: two tries, and the bits in front of them (abi/maps.h, pw_allow_hints).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <set>

#include "dataplane/mapped_map.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/abi/maps.h"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// One writer. An entry that is in force always has its bits set, also while this class writes and
/// when it dies in between.
class AllowTable {
 public:
  /// The maps pw_allow_lpm4, pw_allow_lpm6 and pw_allow_hints; takes the first two. Sets the bits
  /// right, whatever wrote the tries before.
  static Result<AllowTable> open(UniqueFd v4, UniqueFd v6, int hints);

  Result<void> put(const IpPrefix& prefix, const pw_allow_entry& entry);
  /// Removing what is absent succeeds.
  Result<void> remove(const IpPrefix& prefix);
  /// Entries that there is room for, both families together.
  std::uint32_t capacity() const;
  /// Every entry, whoever put it there.
  const std::set<IpPrefix>& known() const { return known_; }

 private:
  AllowTable(UniqueFd v4, UniqueFd v6, MappedMap<__u64> hints)
      : v4_(std::move(v4)), v6_(std::move(v6)), hints_(std::move(hints)) {}
  int map_of(const IpPrefix& prefix) const { return (prefix.is_v4() ? v4_ : v6_).get(); }
  Result<void> take_entries(bool v4);
  void set_bits_right();
  void count(const IpPrefix& prefix, bool add, bool write);

  UniqueFd v4_, v6_;
  MappedMap<__u64> hints_;
  std::set<IpPrefix> known_;
  boost::unordered_flat_map<std::uint32_t, std::uint32_t> bits_;  ///< entries behind each bit
};

}  // namespace probewall
