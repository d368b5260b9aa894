// SPDX-License-Identifier: Apache-2.0
#include "dataplane/object_set.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "dataplane/block_table.hpp"
#include "dataplane/gate_pin.hpp"
#include "dataplane/libbpf_messages.hpp"
#include "tc_egress.skel.h"
#include "tc_ingress.skel.h"
#include "xdp_filter.skel.h"

namespace probewall {
namespace {

template <typename Skeleton, void (*Destroy)(Skeleton*)>
struct Destroyer {
  void operator()(Skeleton* s) const { Destroy(s); }
};
template <typename Skeleton, void (*Destroy)(Skeleton*)>
using Owned = std::unique_ptr<Skeleton, Destroyer<Skeleton, Destroy>>;

/// Sizes that the configuration decides; 0: the program's own.
std::uint32_t wanted_entries(std::string_view map, const Config& config) {
  // The tables of single addresses make themselves as large as they need to be.
  if (map == "pw_block_prefix") return prefix_hash_entries(config.block.max_prefixes);
  if (map == "pw_flows") return config.memory.max_flows;
  if (map == "pw_sources") return config.memory.max_sources;
  // Always the same, so that another ring layout needs no new pinned map.
  if (map == "pw_rings" || map == "pw_need_wake") return kMaxRings;
  return 0;
}

void size_maps(bpf_object* object, const Config& config) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::uint32_t entries = wanted_entries(bpf_map__name(map), config);
    if (entries != 0) bpf_map__set_max_entries(map, entries);
  }
}

Result<void> load(bpf_object* object, const char* what) {
  const LibbpfMessages messages;
  const int error = bpf_object__load(object);
  if (error == 0) return {};
  std::string text = std::string{"load the "} + what + " program";
  if (const auto cause = messages.cause(); !cause.empty()) text += " (" + cause + ")";
  return fail(-error, text);
}

}  // namespace

struct ObjectSet::State {
  Owned<xdp_filter_bpf, xdp_filter_bpf__destroy> xdp;
  Owned<tc_ingress_bpf, tc_ingress_bpf__destroy> tc_in;
  Owned<tc_egress_bpf, tc_egress_bpf__destroy> tc_out;
  std::string versioned_directory;

  std::array<bpf_object*, 3> objects() const { return {xdp->obj, tc_in->obj, tc_out->obj}; }
};

ObjectSet::ObjectSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
ObjectSet::ObjectSet(ObjectSet&&) noexcept = default;
ObjectSet::~ObjectSet() = default;

Result<ObjectSet> ObjectSet::open(const Config& config, const std::string& versioned_directory,
                                  unsigned slot) {
  const LibbpfMessages messages;
  auto state = std::make_unique<State>();
  state->versioned_directory = versioned_directory;
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.pin_root_path = versioned_directory.c_str();
  state->xdp.reset(xdp_filter_bpf__open_opts(&options));
  state->tc_in.reset(tc_ingress_bpf__open_opts(&options));
  state->tc_out.reset(tc_egress_bpf__open_opts(&options));
  if (!state->xdp || !state->tc_in || !state->tc_out) {
    return fail(errno, "open the BPF objects (" + messages.cause() + ")");
  }
  const bool perf = config.capture.transport == Transport::kPerf;
  state->xdp->rodata->pw_interface_slot = slot;
  state->xdp->rodata->pw_use_perf = perf;
  state->tc_in->rodata->pw_interface_slot = slot;
  state->tc_out->rodata->pw_interface_slot = slot;
  state->tc_out->rodata->pw_use_perf = perf;
  for (bpf_object* object : state->objects()) {
    size_maps(object, config);
    pin_gate(object, versioned_directory);
  }
  return ObjectSet{std::move(state)};
}

Result<MigratedPins> ObjectSet::migrate_pins() {
  const auto objects = state_->objects();
  return probewall::migrate_pins(objects, state_->versioned_directory);
}

Result<void> ObjectSet::load_tc() {
  if (auto loaded = load(state_->tc_out->obj, "tc egress"); !loaded) return loaded;
  return load(state_->tc_in->obj, "tc ingress");
}
Result<void> ObjectSet::load_xdp() { return load(state_->xdp->obj, "XDP"); }

int ObjectSet::xdp_fd() const { return bpf_program__fd(state_->xdp->progs.pw_xdp); }
int ObjectSet::tc_in_fd() const { return bpf_program__fd(state_->tc_in->progs.pw_tc_in); }
int ObjectSet::tc_out_fd() const { return bpf_program__fd(state_->tc_out->progs.pw_tc_out); }
bpf_object* ObjectSet::xdp_object() const { return state_->xdp->obj; }

int ObjectSet::map_fd(const char* name) const {
  for (bpf_object* object : state_->objects()) {
    const int fd = bpf_object__find_map_fd_by_name(object, name);
    if (fd >= 0) return fd;
  }
  return -1;
}

}  // namespace probewall
