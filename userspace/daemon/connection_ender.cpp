// SPDX-License-Identifier: Apache-2.0
#include "daemon/connection_ender.hpp"

#include <netinet/in.h>

#include <cstring>
#include <utility>
#include <vector>

#include "daemon/guard_protocol.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxQueued = 4096;

/// Sockets of this machine are destroyed; flows to servers behind us get a reset (reset_forwarded
/// leaves servers of this machine out, and finds containers behind address translation).
std::uint32_t end_connections(const Dataplane& dataplane, const IpPrefix& source,
                              const ServerPorts& ports) {
  auto flows = dataplane.flows_of(source);
  // The table outlives a change of the configured ports.
  if (flows) {
    std::erase_if(
        *flows, [&ports](const FlowEntry& f) { return !ports.contains(ntohs(f.key.server_port)); });
  }
  const auto destroyed = destroy_sockets(source, ports);
  const auto reset = flows ? reset_forwarded(*flows) : tl::unexpected(flows.error());
  return ended_count(destroyed, reset);
}

}  // namespace

std::uint32_t ended_count(const Result<std::uint32_t>& destroyed, const Result<ResetCount>& reset) {
  if (!destroyed || !reset || reset->missed > 0) return guard::kNotEnded;
  return *destroyed + reset->ended;
}

ServerPorts banned_ports(const Config& config) {
  if (config.block.scope == BlockScope::kAll) return {};
  ServerPorts ports{.every = false, .listed = {}};
  ports.listed.insert(config.ports.begin(), config.ports.end());
  ports.listed.insert(config.decoy_ports.begin(), config.decoy_ports.end());
  return ports;
}

Result<std::unique_ptr<ConnectionEnder>> ConnectionEnder::start(EventLoop& loop,
                                                                const Dataplane& dataplane) {
  std::unique_ptr<ConnectionEnder> ender{new ConnectionEnder{dataplane}};
  auto thread = Background::start(loop, kMaxQueued);
  if (!thread) return tl::unexpected(thread.error());
  ender->thread_ = std::move(*thread);
  return ender;
}

void ConnectionEnder::end_source(const IpPrefix& source, ServerPorts ports,
                                 const OnEnded& on_ended) {
  auto work = [this, source, ports = std::move(ports), on_ended]() -> Background::Done {
    const auto count = end_connections(dataplane_, source, ports);
    return [on_ended, count] { on_ended(count); };
  };
  if (thread_->post(std::move(work))) return;
  ++skipped_;
  on_ended(guard::kNotEnded);
}

void ConnectionEnder::end_flow(const pw_flow_key& key) {
  auto work = [this, key]() -> Background::Done {
    if (destroy_socket(key).value_or(false)) return {};
    const auto source = source_of(IpAddress::from_abi(key.client), 128);
    if (auto flows = dataplane_.flows_of(source)) {
      std::erase_if(*flows, [&key](const FlowEntry& f) {
        return std::memcmp(&f.key, &key, sizeof key) != 0;
      });
      // A flow without a server ACK cannot be reset: the flow then ends by its own time-out.
      if (!flows->empty()) [[maybe_unused]]
        const auto reset = reset_forwarded(*flows);
    }
    return {};
  };
  if (!thread_->post(std::move(work))) ++skipped_;
}

}  // namespace probewall
