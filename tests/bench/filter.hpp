// SPDX-License-Identifier: Apache-2.0
// Probewall's kernel side as it ships, filled with a benchmark's lists.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "dataplane/dataplane.hpp"
#include "probewall/result.hpp"

namespace probewall::bench {

struct Content {
  std::uint32_t v4 = 0;  ///< single addresses
  std::uint32_t v6 = 0;
  std::uint32_t prefixes = 0;  ///< of each family
};

/// How long filling took; one add is measured with everything in place.
struct FillTimes {
  double addresses_s = 0;  ///< all single addresses of both families
  double prefixes_s = 0;
  double one_add_us = 0;  ///< median
};

class Filter {
 public:
  /// Opens the default configuration with pins under `pin_directory`, in enforce mode.
  static Result<Filter> open(const std::string& pin_directory, XdpMode mode);
  Result<FillTimes> fill(const Content& content);
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
