// SPDX-License-Identifier: Apache-2.0
// The pinned hash pw_block_prefix: prefixes, and single addresses that found no bucket.
#pragma once

#include <functional>
#include <optional>

#include "dataplane/block_singles.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/abi/block_table.h"
#include "probewall/result.hpp"

namespace probewall {

class PrefixHash : public SpillStore {
 public:
  explicit PrefixHash(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<std::optional<pw_block_entry>> get(const IpPrefix& prefix) const;
  /// Adds, or overwrites in one step; true: it was not there. ENOSPC: it was not there and
  /// `may_add` is false, or the hash is full.
  Result<bool> put(const IpPrefix& prefix, const pw_block_entry& entry, bool may_add);
  Result<bool> remove(const IpPrefix& prefix);
  /// `visit(prefix, entry)`: false stops. `visit` must not change the hash.
  Result<void> walk(const std::function<bool(const IpPrefix&, const pw_block_entry&)>& visit) const;

  Result<void> put(const IpAddress& address, const pw_block_entry& entry) override;
  void remove(const IpAddress& address) override;

 private:
  UniqueFd fd_;
};

}  // namespace probewall
