// SPDX-License-Identifier: Apache-2.0
#include "dataplane/dataplane.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <cerrno>

#include "dataplane/block_migration.hpp"
#include "dataplane/dataplane_state.hpp"
#include "dataplane/detach.hpp"
#include "dataplane/former_blocks.hpp"
#include "dataplane/kernel_clock.hpp"
#include "dataplane/map_migration.hpp"
#include "dataplane/object_set.hpp"
#include "dataplane/preflight.hpp"
#include "dataplane/tc_hook.hpp"
#include "dataplane/xdp_hook.hpp"

namespace probewall {

std::string describe(const AttachReport& report) {
  return std::string{report.native ? "native" : "generic"} + " XDP by " + to_string(report.kind) +
         "; " + report.why;
}

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

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

UniqueFd duplicate(int fd) { return UniqueFd{fcntl(fd, F_DUPFD_CLOEXEC, 3)}; }

}  // namespace

// ---- opening ---------------------------------------------------------------------------------

Result<void> Dataplane::State::keep_maps(const ObjectSet& objects) {
  struct Wanted {
    const char* name;
    UniqueFd* fd;
  };
  UniqueFd allow4, allow6, allow_hints;
  for (const auto& [name, fd] :
       {Wanted{"pw_settings", &settings}, Wanted{"pw_ports", &ports},
        Wanted{"pw_allow_lpm4", &allow4}, Wanted{"pw_allow_lpm6", &allow6},
        Wanted{"pw_allow_hints", &allow_hints}, Wanted{"pw_flows", &flows},
        Wanted{"pw_rings", &rings_map}, Wanted{"pw_skip", &skip}, Wanted{"pw_counters", &counters},
        Wanted{"pw_need_wake", &need_wake}, Wanted{"pw_perf", &perf}}) {
    *fd = duplicate(objects.map_fd(name));
    if (!*fd) return fail(errno, std::string{"map "} + name + " of the BPF objects");
  }
  auto opened = AllowTable::open(std::move(allow4), std::move(allow6), allow_hints.get());
  if (!opened) return tl::unexpected(opened.error());
  allow.emplace(std::move(*opened));
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
    auto migrated = objects->migrate_pins();
    if (!migrated) return tl::unexpected(migrated.error());
    state.migrated = std::move(*migrated);
    if (auto ok = objects->load_tc(); !ok) return ok;
    if (auto ok = objects->load_xdp(); !ok) return ok;
    if (auto ok = state.keep_maps(*objects); !ok) return ok;
    auto slots = InterfaceSlots::open(state.pins.path);
    if (!slots) return tl::unexpected(slots.error());
    state.slots.emplace(std::move(*slots));
    auto blocks = BlockTable::open(config.paths.pin_directory, false,
                                   {config.block.max_addresses, config.block.max_prefixes});
    if (!blocks) return tl::unexpected(blocks.error());
    state.blocks.emplace(std::move(*blocks));
    // With a new port table nothing is known yet: the gate lets no port pass unlooked at.
    if (!state.migrated.ports) {
      if (auto ok = state.find_port_range(); !ok) return ok;
    }
    if (auto ok = state.carry_blocks(); !ok) return ok;
    if (auto ok = state.adopt_earlier_blocks(); !ok) return ok;
    if (config.capture.transport == Transport::kPerf) {
      state.worker.perf_events = state.perf.get();
      return {};
    }
    return state.make_rings();
  };
  if (auto started = start(); !started) {
    if (state.pins.created) {
      (void)detach_everything(config.paths.pin_directory);
    } else {
      undo_migrated_maps(state.pins.path);
    }
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
  const auto index = interface_index(interface);
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

Result<void> Dataplane::State::carry_blocks() {
  rebuilt.any = migrated.blocks || migrated.allows || migrated.settings || migrated.ports;
  rebuilt.blocks_lost = migrated.blocks_lost;
  if (!migrated.regained.empty()) {
    rebuilt.lines.push_back("pins that were gone were made again from the attached programs: " +
                            joined(migrated.regained));
  }
  std::string line;
  if (!migrated.rebuilt.empty()) line = "tables made anew: " + joined(migrated.rebuilt);
  if (migrated.blocks) {
    const auto carried = carry_former_blocks(pins.path, *blocks, boottime_seconds());
    if (!carried) return tl::unexpected(carried.error());
    if (line.empty()) line = "tables of a start that did not end were taken over";
    line += "; " + std::to_string(carried->carried) + " block entries carried over";
    if (carried->no_room > 0) {
      line += ", " + std::to_string(carried->no_room) +
              " dropped for want of room (block.max_addresses, block.max_prefixes)";
    }
    if (!carried->unread.empty()) {
      rebuilt.blocks_lost = true;
      line += ", none from " + joined(carried->unread) + ", whose layout is not known";
    }
  }
  if (!line.empty()) rebuilt.lines.push_back(std::move(line));
  return {};
}

Result<void> Dataplane::State::adopt_earlier_blocks() {
  const auto unknown = adopt_plain_tables(pins.path, *blocks);
  if (!unknown) return tl::unexpected(unknown.error());
  if (unknown->empty()) return {};
  rebuilt.any = rebuilt.blocks_lost = true;
  rebuilt.lines.push_back("block tables of another version, none of whose entries could be read: " +
                          joined(*unknown));
  return {};
}

const Rebuilt& Dataplane::rebuilt() const { return state_->rebuilt; }

void Dataplane::keep_resized_tables() { keep_migrated_maps(state_->pins.path); }
void Dataplane::undo_resized_tables() { undo_migrated_maps(state_->pins.path); }

Result<void> Dataplane::detach(const std::string& interface) {
  const auto index = interface_index(interface);
  if (!index) return tl::unexpected(index.error());
  const auto identity = Identity::of(state_->pins.path);
  if (!identity) return tl::unexpected(identity.error());
  const auto detached = detach_interface({*index, interface}, *identity, *state_->slots);
  if (!detached) return tl::unexpected(detached.error());
  return {};
}

}  // namespace probewall
