// SPDX-License-Identifier: Apache-2.0
// What the guard hands the worker over exec: descriptors by fixed numbers, everything else in a
// sealed memfd. The worker trusts it; nothing here comes from the network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.hpp"
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
  std::vector<AttachReport> interfaces;
  std::uint32_t rings = 0;  ///< 0: perf, one descriptor
  bool enforcing = true;
  long guard_pid = 0;
  std::uint64_t guard_started_ns = 0;  ///< CLOCK_MONOTONIC
};

std::string encode_boot(const WorkerBoot& boot);
Result<WorkerBoot> decode_boot(const std::string& text);

/// A memfd with `text` that nobody can change any more.
Result<UniqueFd> sealed_memfd(const std::string& text);
Result<std::string> read_memfd(int fd);

}  // namespace probewall
