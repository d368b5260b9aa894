// SPDX-License-Identifier: Apache-2.0
// Keeps the interfaces attached: anybody with root can take a program, a qdisc or the whole
// interface away, and a filter that stopped must not look like one that runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dataplane/dataplane.hpp"

namespace probewall {

struct HookState;

class HookKeeper {
 public:
  /// An interface lost its hooks or got them back; `report.why` says what is missing, or how it is
  /// attached now.
  using OnChange =
      std::function<void(std::size_t index, const AttachReport& report, bool attached)>;

  /// `attached` is kept up to date. Both must outlive this.
  HookKeeper(Dataplane& dataplane, std::string pin_directory, std::vector<AttachReport>& attached,
             OnChange on_change);

  /// Looks at every interface and attaches again where something is missing; a try that fails is
  /// repeated after 1, 2, 4 ... 60 s.
  void check(std::uint64_t now_ns);
  /// Whether the interface had all its hooks when last looked at.
  bool whole(std::size_t index) const { return !lost_.contains(index); }

 private:
  struct Lost {
    std::string said;  ///< last line in the log, so that it is not repeated
    std::uint64_t retry_ns = 0;
    std::chrono::seconds pause{1};
  };
  void repair(std::size_t index, const HookState& state, std::uint64_t now_ns);

  Dataplane& dataplane_;
  std::string pin_directory_;
  std::vector<AttachReport>& attached_;
  OnChange on_change_;
  std::map<std::size_t, Lost> lost_;  ///< by index into attached_
};

}  // namespace probewall
