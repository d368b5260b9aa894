// SPDX-License-Identifier: Apache-2.0
// `probewall replay FILE.pcap`: a capture file through the kernel's twin and the same core as the
// live daemon.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "core/flow/kernel_twin.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/rules/rule_set.hpp"

namespace probewall {

struct ReplayOptions {
  std::string file;
  bool json = false;       ///< JSON Lines (DESIGN.md, section 5); else a table of decisions
  bool ports_all = false;  ///< judge every TCP port, not only the configured ones
  /// The process ends next: the tables are left to the kernel, not taken down entry by entry.
  bool last = false;
  Config config;
  /// nullptr: those that `config` asks for.
  std::shared_ptr<const RuleSet> rules;
};

/// Takes whole lines.
using TextOutput = std::function<void(std::string_view)>;

/// Replays to `out`; one line about what went wrong to `err`. Returns the exit status: 0, or 1 when
/// the file cannot be read or breaks off (what could be read has been judged by then), or 5 when
/// the rules do not compile. Needs no privilege.
int replay(const ReplayOptions& options, const TextOutput& out, const TextOutput& err);

/// The same to standard output and standard error. Status 1 also when standard output fails.
int run_replay(const ReplayOptions& options);

/// The kernel twin's settings as `config` has them; without budgets in observe mode.
TwinConfig replay_twin_config(const Config& config, bool ports_all);

}  // namespace probewall
