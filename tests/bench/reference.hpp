// SPDX-License-Identifier: Apache-2.0
// The whole program over plain hash and LPM tables: what the shipped tables are compared with.
#pragma once

#include <memory>
#include <string>

#include "bench/filter.hpp"
#include "probewall/result.hpp"

struct bpf_object;

namespace probewall::bench {

class Reference {
 public:
  /// Loads it with tables of its own under `pin_directory` (on bpffs), with the settings and ports
  /// of `like`, and fills it with the same lists.
  static Result<Reference> open(const std::string& pin_directory, Filter& like,
                                const Content& content);
  int program() const;

 private:
  std::shared_ptr<bpf_object> object_;
};

}  // namespace probewall::bench
