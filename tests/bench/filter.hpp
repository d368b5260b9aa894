// SPDX-License-Identifier: Apache-2.0
// Probewall's kernel side as it ships, filled with a benchmark's lists.
#pragma once

#include <memory>
#include <string>

#include "bench/fill.hpp"
#include "config/config.hpp"
#include "dataplane/dataplane.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

class Filter {
 public:
  /// Opens `config` with pins under `pin_directory` (on bpffs), in enforce mode.
  static Result<Filter> open(const std::string& pin_directory, Config config);
  Result<FillTimes> fill(const Content& content) { return fill_table(plane_->blocks(), content); }
  Result<AttachReport> attach(const std::string& interface) { return plane_->attach(interface); }
  Dataplane& plane() { return *plane_; }
  const Config& config() const { return config_; }

 private:
  Config config_;
  std::unique_ptr<Dataplane> plane_;
};

/// Descriptor of the XDP program on `interface`, owned by the caller; -1: none.
int program_on(const std::string& interface);

}  // namespace probewall::bench
