// SPDX-License-Identifier: Apache-2.0
#include "daemon/connection_ender.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/guard_protocol.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxQueued = 4096;

std::vector<IpAddress> own_addresses(const AllowSet& allow) {
  std::vector<IpAddress> own;
  for (const auto& [prefix, entry] : allow.entries()) {
    if ((entry.reason & PW_ALLOW_OWN_ADDRESS) != 0 && prefix.is_single())
      own.push_back(prefix.address);
  }
  return own;
}

/// Sockets first: a reset towards a server of this machine is only sent when no socket was found,
/// which is the case of a container behind address translation.
std::uint32_t end_connections(const Dataplane& dataplane, const IpPrefix& source,
                              const std::vector<IpAddress>& own) {
  const auto flows = dataplane.flows_of(source);
  const auto destroyed = destroy_sockets(source);
  if (!flows && !destroyed) return guard::kNotEnded;
  std::vector<FlowEntry> to_reset;
  for (const auto& flow : flows ? *flows : std::vector<FlowEntry>{}) {
    const auto server = IpAddress::from_abi(flow.key.server);
    const bool local = std::find(own.begin(), own.end(), server) != own.end();
    if (!local || !destroyed || *destroyed == 0) to_reset.push_back(flow);
  }
  const auto reset = to_reset.empty() ? Result<std::uint32_t>{0} : reset_forwarded(to_reset);
  if (!destroyed && !reset) return guard::kNotEnded;
  return (destroyed ? *destroyed : 0) + (reset ? *reset : 0);
}

}  // namespace

Result<std::unique_ptr<ConnectionEnder>> ConnectionEnder::start(EventLoop& loop,
                                                                const Dataplane& dataplane) {
  std::unique_ptr<ConnectionEnder> ender{new ConnectionEnder{dataplane}};
  auto thread = Background::start(loop, kMaxQueued);
  if (!thread) return tl::unexpected(thread.error());
  ender->thread_ = std::move(*thread);
  return ender;
}

void ConnectionEnder::end_source(const IpPrefix& source, const AllowSet& allow, OnEnded on_ended) {
  auto work = [this, source, own = own_addresses(allow), on_ended]() -> Background::Done {
    const auto count = end_connections(dataplane_, source, own);
    return [on_ended, count] { on_ended(count); };
  };
  if (thread_->post(std::move(work))) return;
  ++skipped_;
  on_ended(guard::kNotEnded);
}

void ConnectionEnder::end_flow(const pw_flow_key& key) {
  auto work = [this, key]() -> Background::Done {
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
