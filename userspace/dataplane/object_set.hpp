// SPDX-License-Identifier: Apache-2.0
// The three BPF objects of one interface: opened, sized, given their pins and loaded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "dataplane/map_migration.hpp"
#include "probewall/result.hpp"

struct bpf_object;

namespace probewall {

/// Entries of pw_rings and pw_need_wake.
inline constexpr std::uint32_t kMaxRings = 256;

class ObjectSet {
 public:
  /// Opens the objects for counters row `slot`; nothing is in the kernel yet.
  static Result<ObjectSet> open(const Config& config, const std::string& versioned_directory,
                                unsigned slot);
  ObjectSet(ObjectSet&&) noexcept;
  ~ObjectSet();  ///< unloads what nothing holds

  /// Makes pinned maps fit; see map_migration.hpp. Call before loading.
  Result<MigratedPins> migrate_pins();
  Result<void> load_tc();
  Result<void> load_xdp();

  int xdp_fd() const;
  int tc_in_fd() const;
  int tc_out_fd() const;
  bpf_object* xdp_object() const;
  /// Descriptor of a loaded map of any of the objects, owned by this set; -1: no such map.
  int map_fd(const char* name) const;

 private:
  struct State;
  explicit ObjectSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace probewall
