// SPDX-License-Identifier: Apache-2.0
#include "dataplane/interface_slots.hpp"

#include <bpf/bpf.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "probewall/abi/common.h"

namespace probewall {
namespace {

using Name = std::array<char, IFNAMSIZ>;

Name name_of(const std::string& interface) {
  Name out{};
  std::memcpy(out.data(), interface.data(), std::min(interface.size(), out.size() - 1));
  return out;
}

}  // namespace

Result<InterfaceSlots> InterfaceSlots::open(const std::string& versioned_directory) {
  const std::string path = versioned_directory + "/pw_slots";
  InterfaceSlots out;
  out.fd_ = UniqueFd{bpf_obj_get(path.c_str())};
  if (out.fd_) return out;
  if (errno != ENOENT) return fail(errno, "open " + path);
  out.fd_ = UniqueFd{bpf_map_create(BPF_MAP_TYPE_HASH, "pw_slots", sizeof(Name),
                                    sizeof(InterfaceState), PW_MAX_INTERFACES, nullptr)};
  if (!out.fd_) return fail(errno, "create map pw_slots");
  if (bpf_obj_pin(out.fd_.get(), path.c_str()) != 0) return fail(errno, "pin " + path);
  return out;
}

Result<InterfaceState> InterfaceSlots::of(const std::string& interface) {
  const Name wanted = name_of(interface);
  InterfaceState state{};
  if (bpf_map_lookup_elem(fd_.get(), wanted.data(), &state) == 0) return state;

  std::array<bool, PW_MAX_INTERFACES> taken{};
  Name name{}, gone{};
  bool any_gone = false;
  for (const char* previous = nullptr; bpf_map_get_next_key(fd_.get(), previous, name.data()) == 0;
       previous = name.data()) {
    InterfaceState other{};
    if (bpf_map_lookup_elem(fd_.get(), name.data(), &other) != 0) continue;
    if (other.slot < taken.size()) taken[other.slot] = true;
    if (if_nametoindex(name.data()) == 0) {
      gone = name;
      any_gone = true;
    }
  }
  while (state.slot < taken.size() && taken[state.slot]) ++state.slot;
  if (state.slot == taken.size()) {
    if (!any_gone) {
      return fail(ExitStatus::kFailed,
                  "no more than " + std::to_string(PW_MAX_INTERFACES) +
                      " interfaces can be attached: `probewall detach` frees them");
    }
    InterfaceState other{};
    if (bpf_map_lookup_elem(fd_.get(), gone.data(), &other) != 0)
      return fail(errno, "read pw_slots");
    bpf_map_delete_elem(fd_.get(), gone.data());
    state.slot = other.slot;
  }
  if (auto stored = put(interface, state); !stored) return tl::unexpected(stored.error());
  return state;
}

Result<void> InterfaceSlots::set_owns_clsact(const std::string& interface, bool owns) {
  auto state = of(interface);
  if (!state) return tl::unexpected(state.error());
  state->owns_clsact = owns;
  return put(interface, *state);
}

Result<void> InterfaceSlots::put(const std::string& interface, const InterfaceState& state) {
  const Name name = name_of(interface);
  if (bpf_map_update_elem(fd_.get(), name.data(), &state, BPF_ANY) != 0) {
    return fail(errno, "write pw_slots");
  }
  return {};
}

}  // namespace probewall
