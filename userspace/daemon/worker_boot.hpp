// SPDX-License-Identifier: Apache-2.0
// What the guard hands the worker over exec: descriptors by fixed numbers, everything else in a
// sealed memfd. The worker trusts it; nothing here comes from the network.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "core/rules/rule_set.hpp"
#include "dataplane/dataplane.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// argv[1] of a worker. Not an option of the program's command line.
inline constexpr const char* kWorkerArgument = "--probewall-worker";

/// Descriptor numbers in the worker, without gaps: guard socket, boot document, skip array,
/// counters, then the perf event array, or the wake-up words and the rings in index order.
inline constexpr int kGuardFd = 3;
inline constexpr int kBootFd = 4;
inline constexpr int kSkipFd = 5;
inline constexpr int kCountersFd = 6;
inline constexpr int kPerfFd = 7;      ///< with perf
inline constexpr int kNeedWakeFd = 7;  ///< with rings
inline constexpr int kFirstRingFd = 8;

struct WorkerBoot {
  Config config;
  /// Rule files in force, kept by the guard: a worker that starts anew must not meet files changed
  /// since, perhaps broken ones. Empty: the built-in rules.
  std::vector<RuleText> rules;
  std::vector<AttachReport> interfaces;
  std::uint32_t rings = 0;  ///< 0: perf, one descriptor
  bool enforcing = true;
  long guard_pid = 0;
  std::uint64_t guard_started_ns = 0;  ///< CLOCK_MONOTONIC
};

/// Ids of all rules, for metrics.
std::vector<std::string> rule_ids(const RuleSet& rules);

std::string encode_boot(const WorkerBoot& boot);
Result<WorkerBoot> decode_boot(const std::string& text);

/// A memfd with `text` that nobody can change any more.
Result<UniqueFd> sealed_memfd(const std::string& text);
Result<std::string> read_memfd(int fd);

/// A memfd of guard::kAnswerBytes zero bytes for the worker to write into; its size is fixed.
Result<UniqueFd> answer_memfd();
/// What the worker wrote there, up to the first NUL, with bytes that steer terminals as '?'.
std::string read_answer(int fd);
/// Cut to the memfd's size. A failure leaves it empty.
void write_answer(int fd, std::string_view text);

}  // namespace probewall
