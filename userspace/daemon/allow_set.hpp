// SPDX-License-Identifier: Apache-2.0
// The guard's copy of what must never be blocked, with the reason for each entry. Pure: the caller
// writes the changes into the kernel's table.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/prefix_table.hpp"
#include "dataplane/network_watch.hpp"
#include "probewall/abi/maps.h"
#include "probewall/allow_reason.hpp"
#include "probewall/ip.hpp"

namespace probewall {

/// Where entries come from. Each layer is replaced as one, so a stale entry of one source of truth
/// never outlives it, and never takes away what another layer still wants.
enum class AllowLayer : std::uint8_t { kConfig, kNetwork, kSsh, kOperator, kCount };

class AllowSet {
 public:
  struct Change {
    IpPrefix prefix;
    std::optional<pw_allow_entry> entry;  ///< absent: the prefix left the set
  };

  /// Replaces one layer. Returns what that changes in the union of all layers.
  std::vector<Change> replace(AllowLayer layer, const std::vector<NeverBlock>& entries);

  /// An entry that shares an address with `prefix`: a ban of `prefix` would cut it off.
  std::optional<NeverBlock> overlapping(const IpPrefix& prefix) const;
  const std::map<IpPrefix, pw_allow_entry>& entries() const { return merged_.entries(); }
  const std::map<IpPrefix, pw_allow_entry>& layer(AllowLayer layer) const {
    return layers_[static_cast<std::size_t>(layer)];
  }

 private:
  using Entries = std::map<IpPrefix, pw_allow_entry>;

  std::array<Entries, static_cast<std::size_t>(AllowLayer::kCount)> layers_;
  PrefixTable<pw_allow_entry> merged_;
};

/// Entries the configuration asks for, and loopback.
struct ConfigAllow {
  std::vector<IpPrefix> allow;
  std::vector<IpPrefix> trusted_proxies;
};
std::vector<NeverBlock> never_block_from_config(const ConfigAllow& config);

}  // namespace probewall
