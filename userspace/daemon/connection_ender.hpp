// SPDX-License-Identifier: Apache-2.0
// Ends a blocked source's connections, so that a model server stops generating for it. Runs beside
// the guard's loop: 2,000 sockets take about 45 ms (research), and no ban may wait for that.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/background.hpp"
#include "dataplane/dataplane.hpp"
#include "probewall/ip.hpp"

namespace probewall {

/// What a ban cuts off: LLM and decoy ports with `block.scope = "llm"`, else every port.
ServerPorts banned_ports(const Config& config);

/// How many connections a ban ended: guard::kNotEnded unless every one that is known was.
std::uint32_t ended_count(const Result<std::uint32_t>& destroyed, const Result<ResetCount>& reset);

class ConnectionEnder {
 public:
  /// `count`: guard::kNotEnded when they could not be ended.
  using OnEnded = std::function<void(std::uint32_t count)>;

  /// `dataplane` must outlive the ender.
  static Result<std::unique_ptr<ConnectionEnder>> start(EventLoop& loop,
                                                        const Dataplane& dataplane);

  /// Connections to `ports`: local sockets by SOCK_DESTROY, forwarded flows by a reset towards
  /// their server.
  void end_source(const IpPrefix& source, ServerPorts ports, const OnEnded& on_ended);
  /// One connection: the socket of this machine, else a reset when the flow table knows it.
  void end_flow(const pw_flow_key& key);
  std::uint64_t skipped() const { return skipped_; }  ///< not tried: too many were waiting

 private:
  explicit ConnectionEnder(const Dataplane& dataplane) : dataplane_(dataplane) {}

  const Dataplane& dataplane_;
  std::unique_ptr<Background> thread_;
  std::uint64_t skipped_ = 0;
};

}  // namespace probewall
