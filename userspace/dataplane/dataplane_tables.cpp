// SPDX-License-Identifier: Apache-2.0
// The guard's reads and writes of the pinned tables (block tables: block_table.cpp).
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "dataplane/dataplane_state.hpp"

namespace probewall {
namespace {

/// Element 0 of a one-element array.
template <typename T>
Result<T> read_single(int fd, const char* what) {
  const std::uint32_t zero = 0;
  T value{};
  if (bpf_map_lookup_elem(fd, &zero, &value) != 0) return fail(errno, std::string{"read "} + what);
  return value;
}

constexpr std::uint32_t kPorts = 65536;

struct PortRange {
  std::uint32_t first = kPorts, last = 0;
};
PortRange range_of(const std::vector<pw_port>& ports) {
  PortRange range;
  for (std::uint32_t i = 0; i < kPorts; ++i) {
    if ((ports[i].flags & (PW_PORT_LLM | PW_PORT_DECOY)) == 0) continue;
    range.first = std::min(range.first, i);
    range.last = i;
  }
  return range;
}

Result<std::vector<pw_port>> read_ports(int fd) {
  std::vector<pw_port> ports(kPorts);
  std::vector<std::uint32_t> keys(kPorts);
  std::uint32_t next = 0;
  __u32 count = kPorts;
  // ENOENT: that was the end of the table.
  if (bpf_map_lookup_batch(fd, nullptr, &next, keys.data(), ports.data(), &count, nullptr) != 0 &&
      errno != ENOENT) {
    return fail(errno, "read pw_ports");
  }
  return ports;
}

}  // namespace

/// Whole table in one call: a port that stays is never unset in between.
Result<void> Dataplane::State::write_ports(const std::vector<pw_port>& wanted) {
  const auto now = read_ports(ports.get());
  if (!now) return tl::unexpected(now.error());
  const PortRange before = range_of(*now), after = range_of(wanted);
  blocks->set_port_range(std::min(before.first, after.first), std::max(before.last, after.last));
  std::vector<std::uint32_t> keys(kPorts);
  std::iota(keys.begin(), keys.end(), 0u);
  __u32 count = kPorts;
  if (bpf_map_update_batch(ports.get(), keys.data(), wanted.data(), &count, nullptr) != 0) {
    return fail(errno, "write pw_ports");
  }
  blocks->set_port_range(after.first, after.last);
  return {};
}

Result<void> Dataplane::State::find_port_range() {
  const auto now = read_ports(ports.get());
  if (!now) return tl::unexpected(now.error());
  const PortRange range = range_of(*now);
  blocks->set_port_range(range.first, range.last);
  return {};
}

Result<void> Dataplane::set_settings(const pw_settings& settings) {
  const std::uint32_t zero = 0;
  if (bpf_map_update_elem(state_->settings.get(), &zero, &settings, BPF_ANY) != 0) {
    return fail(errno, "write pw_settings");
  }
  return {};
}

Result<pw_settings> Dataplane::settings() const {
  return read_single<pw_settings>(state_->settings.get(), "pw_settings");
}

Result<void> Dataplane::set_enforcing(bool on, std::uint32_t until_boot_s) {
  auto now = settings();
  if (!now) return tl::unexpected(now.error());
  now->enforcing = on;
  now->enforce_until_s = until_boot_s;
  return set_settings(*now);
}

Result<void> Dataplane::set_ports(const Config& config) {
  std::vector<pw_port> ports(kPorts);
  for (const auto port : config.ports) {
    ports[port].flags |= PW_PORT_LLM;
    ports[port].service = service_of_port(port);
  }
  for (const auto port : config.decoy_ports) {
    ports[port].flags |= PW_PORT_DECOY;
    ports[port].service = PW_SERVICE_DECOY;
  }
  for (const auto port : config.ssh_ports) ports[port].flags |= PW_PORT_SSH;
  return state_->write_ports(ports);
}

Result<Dataplane::Policy> Dataplane::policy() const {
  const auto now = settings();
  if (!now) return tl::unexpected(now.error());
  auto ports = read_ports(state_->ports.get());
  if (!ports) return tl::unexpected(ports.error());
  return Policy{*now, std::move(*ports)};
}

Result<void> Dataplane::restore(const Policy& policy) {
  // Tables made anew have no earlier content.
  if (!state_->migrated.settings) {
    if (auto done = set_settings(policy.settings); !done) return done;
  }
  return state_->migrated.ports ? Result<void>{} : state_->write_ports(policy.ports);
}

BlockTable& Dataplane::blocks() { return *state_->blocks; }

Result<void> Dataplane::allow_put(const IpPrefix& prefix, const pw_allow_entry& entry) {
  return state_->allow->put(prefix, entry);
}
Result<void> Dataplane::allow_remove(const IpPrefix& prefix) {
  return state_->allow->remove(prefix);
}
std::vector<IpPrefix> Dataplane::allowed() const {
  return {state_->allow->known().begin(), state_->allow->known().end()};
}
std::uint32_t Dataplane::allow_capacity() const { return state_->allow->capacity(); }

const WorkerDescriptors& Dataplane::worker_descriptors() const { return state_->worker; }

Result<std::vector<FlowEntry>> Dataplane::flows_of(const IpPrefix& source) const {
  std::vector<FlowEntry> out;
  std::vector<pw_flow_key> keys(4096);
  std::vector<pw_flow> flows(keys.size());
  std::uint32_t position = 0, next = 0;
  bool first = true, more = true;
  while (more) {
    __u32 count = static_cast<__u32>(keys.size());
    const int error = bpf_map_lookup_batch(state_->flows.get(), first ? nullptr : &position, &next,
                                           keys.data(), flows.data(), &count, nullptr);
    if (error != 0 && errno == ENOSPC) {  // one bucket holds more than the buffer
      keys.resize(keys.size() * 2);
      flows.resize(keys.size());
      continue;
    }
    if (error != 0 && errno != ENOENT) return fail(errno, "read pw_flows");
    more = error == 0;
    for (__u32 i = 0; i < count; ++i) {
      if (source.contains(IpAddress::from_abi(keys[i].client))) out.push_back({keys[i], flows[i]});
    }
    position = next;
    first = false;
  }
  return out;
}

}  // namespace probewall
