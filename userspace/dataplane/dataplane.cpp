// SPDX-License-Identifier: Apache-2.0
#include "dataplane/dataplane.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <numeric>

#include "dataplane/detach.hpp"
#include "dataplane/object_set.hpp"
#include "dataplane/preflight.hpp"
#include "dataplane/tc_hook.hpp"
#include "dataplane/xdp_hook.hpp"
#include "probewall/abi/records.h"

namespace probewall {

const char* to_string(AttachKind kind) {
  switch (kind) {
    case AttachKind::kDispatcher:
      return "libxdp dispatcher";
    case AttachKind::kLink:
      return "bpf_link";
    case AttachKind::kNetlink:
      return "netlink";
  }
  return "?";
}

using Undo = std::vector<std::function<void()>>;  // steps back, run last first

struct Dataplane::State {
  Config config;
  PinDirectory pins;
  std::optional<InterfaceSlots> slots;
  std::optional<BlockTable> blocks;
  UniqueFd settings, ports, allow4, allow6, flows, rings_map, skip, counters, need_wake, perf;
  std::vector<UniqueFd> rings;
  WorkerDescriptors worker;

  Result<void> keep_maps(const ObjectSet& objects);
  Result<void> make_rings();
  Result<void> attach_tc(const Interface& interface, const ObjectSet& objects,
                         const Identity& identity, bool& replaced, Undo& undo);
};

namespace {

UniqueFd duplicate(int fd) { return UniqueFd{fcntl(fd, F_DUPFD_CLOEXEC, 3)}; }

Result<unsigned> index_of(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) {
    return fail(ExitStatus::kFailed,
                "no interface \"" + interface + "\" here: `ip link` lists those there are");
  }
  return index;
}

/// Element 0 of a one-element array.
template <typename T>
Result<T> read_single(int fd, const char* what) {
  const std::uint32_t zero = 0;
  T value{};
  if (bpf_map_lookup_elem(fd, &zero, &value) != 0) return fail(errno, std::string{"read "} + what);
  return value;
}

struct AllowKey {
  pw_lpm_v4_key v4{};
  pw_lpm_v6_key v6{};
};
AllowKey allow_key(const IpPrefix& prefix) {
  AllowKey key;
  key.v4.prefix_len = key.v6.prefix_len = prefix.length;
  std::memcpy(&key.v4.addr, prefix.address.bytes.data() + 12, 4);
  std::memcpy(key.v6.addr, prefix.address.bytes.data(), 16);
  return key;
}

}  // namespace

// ---- opening ---------------------------------------------------------------------------------

Result<void> Dataplane::State::keep_maps(const ObjectSet& objects) {
  struct Wanted {
    const char* name;
    UniqueFd* fd;
  };
  for (const auto& [name, fd] : {Wanted{"pw_settings", &settings}, Wanted{"pw_ports", &ports},
                                 Wanted{"pw_allow_lpm4", &allow4}, Wanted{"pw_allow_lpm6", &allow6},
                                 Wanted{"pw_flows", &flows}, Wanted{"pw_rings", &rings_map},
                                 Wanted{"pw_skip", &skip}, Wanted{"pw_counters", &counters},
                                 Wanted{"pw_need_wake", &need_wake}, Wanted{"pw_perf", &perf}}) {
    *fd = duplicate(objects.map_fd(name));
    if (!*fd) return fail(errno, std::string{"map "} + name + " of the BPF objects");
  }
  worker.skip = skip.get();
  worker.counters = counters.get();
  return {};
}

/// New rings for this start; the array that names them is pinned, so programs already attached
/// write to the new rings from the next packet on. Rings need no pins: without a reader they are of
/// no use.
Result<void> Dataplane::State::make_rings() {
  const RingLayout layout = ring_layout(config);
  const std::uint32_t count = layout.workers * layout.groups;
  for (std::uint32_t i = 0; i < count; ++i) {
    UniqueFd ring{
        bpf_map_create(BPF_MAP_TYPE_RINGBUF, "pw_ring", 0, 0, layout.ring_bytes, nullptr)};
    if (!ring)
      return fail(errno, "create a ring buffer of " + std::to_string(layout.ring_bytes) + " bytes");
    const int fd = ring.get();
    if (bpf_map_update_elem(rings_map.get(), &i, &fd, BPF_ANY) != 0)
      return fail(errno, "write pw_rings");
    worker.rings.push_back(fd);
    rings.push_back(std::move(ring));
  }
  // Rings of a larger earlier layout: what programs still send there is counted as lost.
  for (std::uint32_t i = count; i < kMaxRings; ++i) bpf_map_delete_elem(rings_map.get(), &i);
  worker.need_wake = need_wake.get();
  return {};
}

Dataplane::Dataplane() : state_(std::make_unique<State>()) {}
Dataplane::~Dataplane() = default;

Result<std::unique_ptr<Dataplane>> Dataplane::open(const Config& config) {
  if (auto ok = check_capabilities(); !ok) return tl::unexpected(ok.error());
  if (auto ok = check_btf(); !ok) return tl::unexpected(ok.error());
  auto pins = open_pin_directory(config.paths.pin_directory);
  if (!pins) return tl::unexpected(pins.error());

  std::unique_ptr<Dataplane> out{new Dataplane};
  State& state = *out->state_;
  state.config = config;
  state.pins = std::move(*pins);
  const auto start = [&]() -> Result<void> {
    // A first set shows that everything loads, and makes the maps; each interface gets its own.
    auto objects = ObjectSet::open(config, state.pins.path, 0);
    if (!objects) return tl::unexpected(objects.error());
    if (auto ok = objects->migrate_pins(); !ok) return ok;
    if (auto ok = objects->load_tc(); !ok) return ok;
    if (auto ok = objects->load_xdp(); !ok) return ok;
    if (auto ok = state.keep_maps(*objects); !ok) return ok;
    auto slots = InterfaceSlots::open(state.pins.path);
    if (!slots) return tl::unexpected(slots.error());
    state.slots.emplace(std::move(*slots));
    auto blocks = BlockTable::open(config.paths.pin_directory, false);
    if (!blocks) return tl::unexpected(blocks.error());
    state.blocks.emplace(std::move(*blocks));
    if (config.capture.transport == Transport::kPerf) {
      state.worker.perf_events = state.perf.get();
      return {};
    }
    return state.make_rings();
  };
  if (auto started = start(); !started) {
    if (state.pins.created) (void)detach_everything(config.paths.pin_directory);
    return tl::unexpected(started.error());
  }
  return out;
}

// ---- attaching -------------------------------------------------------------------------------

Result<void> Dataplane::State::attach_tc(const Interface& interface, const ObjectSet& objects,
                                         const Identity& identity, bool& replaced, Undo& undo) {
  const auto created = ensure_clsact(interface.index);
  if (!created) return tl::unexpected(created.error());
  if (*created) {
    undo.push_back([this, &interface] {
      (void)remove_clsact_if_empty(interface.index);
      (void)slots->set_owns_clsact(interface.name, false);
    });
    if (auto stored = slots->set_owns_clsact(interface.name, true); !stored) return stored;
  }
  // Egress first: it remembers the handshakes that prove what ingress will capture.
  for (const auto& [side, fd] : {std::pair{TcSide::kEgress, objects.tc_out_fd()},
                                 std::pair{TcSide::kIngress, objects.tc_in_fd()}}) {
    auto attached = tc_attach(interface.index, side, fd, identity);
    if (!attached) return tl::unexpected(attached.error());
    replaced |= attached->replaced;
    const auto old = std::make_shared<UniqueFd>(std::move(attached->old_program));
    undo.push_back([index = interface.index, side = side, old, &identity] {
      if (*old) {
        (void)tc_attach(index, side, old->get(), identity);
      } else {
        (void)tc_detach(index, side, identity);
      }
    });
  }
  return {};
}

Result<AttachReport> Dataplane::attach(const std::string& interface) {
  const auto index = index_of(interface);
  if (!index) return tl::unexpected(index.error());
  const auto slot = state_->slots->of(interface);
  if (!slot) return tl::unexpected(slot.error());
  const auto identity = Identity::of(state_->pins.path);
  if (!identity) return tl::unexpected(identity.error());
  const OpenObjects open_objects = [&] {
    return ObjectSet::open(state_->config, state_->pins.path, slot->slot);
  };
  auto objects = open_objects();
  if (!objects) return tl::unexpected(objects.error());
  if (auto ok = objects->load_tc(); !ok) return tl::unexpected(ok.error());

  AttachReport report{interface, *index, slot->slot, false, AttachKind::kLink, false, {}};
  const Interface target{*index, interface};
  Undo undo;
  const auto attach_all = [&]() -> Result<void> {
    auto tc = state_->attach_tc(target, *objects, *identity, report.replaced, undo);
    if (!tc) return tc;
    auto xdp = attach_xdp(interface, *index, state_->config.xdp.mode, state_->pins.path, *identity,
                          open_objects);
    if (!xdp) return tl::unexpected(xdp.error());
    report.native = xdp->native;
    report.kind = xdp->kind;
    report.replaced = xdp->replaced;
    report.why = std::move(xdp->why);
    return {};
  };
  if (auto attached = attach_all(); !attached) {
    for (auto step = undo.rbegin(); step != undo.rend(); ++step) (*step)();
    return tl::unexpected(attached.error());
  }
  return report;
}

Result<void> Dataplane::detach(const std::string& interface) {
  const auto index = index_of(interface);
  if (!index) return tl::unexpected(index.error());
  const auto identity = Identity::of(state_->pins.path);
  if (!identity) return tl::unexpected(identity.error());
  const auto detached = detach_interface({*index, interface}, *identity, *state_->slots);
  if (!detached) return tl::unexpected(detached.error());
  return {};
}

// ---- tables ----------------------------------------------------------------------------------

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

Result<void> Dataplane::set_enforcing(bool on) {
  auto now = settings();
  if (!now) return tl::unexpected(now.error());
  now->enforcing = on;
  return set_settings(*now);
}

Result<void> Dataplane::set_ports(const Config& config) {
  std::vector<std::uint32_t> keys(65536);
  std::iota(keys.begin(), keys.end(), 0u);
  std::vector<pw_port> ports(keys.size());
  for (const auto port : config.ports) {
    ports[port].flags |= PW_PORT_LLM;
    ports[port].service = service_of_port(port);
  }
  for (const auto port : config.decoy_ports) {
    ports[port].flags |= PW_PORT_DECOY;
    ports[port].service = PW_SERVICE_DECOY;
  }
  for (const auto port : config.ssh_ports) ports[port].flags |= PW_PORT_SSH;
  __u32 count = static_cast<__u32>(keys.size());
  // Whole table in one call: a port that stays is never unset in between.
  if (bpf_map_update_batch(state_->ports.get(), keys.data(), ports.data(), &count, nullptr) != 0) {
    return fail(errno, "write pw_ports");
  }
  return {};
}

BlockTable& Dataplane::blocks() { return *state_->blocks; }

Result<void> Dataplane::allow_put(const IpPrefix& prefix, const pw_allow_entry& entry) {
  const auto key = allow_key(prefix);
  const bool v4 = prefix.is_v4();
  if (bpf_map_update_elem((v4 ? state_->allow4 : state_->allow6).get(),
                          v4 ? static_cast<const void*>(&key.v4) : &key.v6, &entry, BPF_ANY) != 0) {
    return fail(errno, "allow " + prefix.to_string());
  }
  return {};
}

Result<void> Dataplane::allow_remove(const IpPrefix& prefix) {
  const auto key = allow_key(prefix);
  const bool v4 = prefix.is_v4();
  if (bpf_map_delete_elem((v4 ? state_->allow4 : state_->allow6).get(),
                          v4 ? static_cast<const void*>(&key.v4) : &key.v6) != 0 &&
      errno != ENOENT) {
    return fail(errno, "stop allowing " + prefix.to_string());
  }
  return {};
}

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
