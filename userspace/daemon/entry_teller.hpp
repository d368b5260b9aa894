// SPDX-License-Identifier: Apache-2.0
// Tells the worker what is in force: when it is new, and again after notes to it were dropped. What
// is not named between begin and end is gone, so a dropped "unbanned" or "disallowed" leaves
// nothing behind.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/guard_protocol.hpp"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

class EntryTeller {
 public:
  /// Where it gets things from and sends them to; all are called from begin(), check() and feed().
  struct Hooks {
    std::function<bool()> has_room;          ///< a worker is there and few notes wait for it
    std::function<std::uint64_t()> dropped;  ///< notes to this worker that were dropped
    std::function<void(const guard::Note&)> send;
    std::function<void()> standing;  ///< sends what is little: enforcing, allow set, interfaces
    std::function<Result<std::vector<IpPrefix>>()> prefixes;  ///< of the entries in force
    /// The kBanned note of an entry as it is now; nothing: it is not in force any more.
    std::function<std::optional<guard::Note>(const IpPrefix&)> note;
  };

  explicit EntryTeller(Hooks hooks) : hooks_(std::move(hooks)) {}

  /// Everything is to be told (anew). For a new worker, too.
  void begin();
  /// Begins when notes were dropped since the last look; returns how many. Once a second.
  std::uint64_t check();
  /// Sends what there is room for, at most `limit` entries.
  void feed(std::size_t limit);

 private:
  enum class Step { kIdle, kBegin, kEntries };

  Hooks hooks_;
  Step step_ = Step::kIdle;
  std::vector<IpPrefix> left_;
  std::uint64_t dropped_ = 0;
};

}  // namespace probewall
