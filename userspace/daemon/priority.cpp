// SPDX-License-Identifier: Apache-2.0
#include "daemon/priority.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

/// struct sched_attr of sched_setattr(2), first version: the kernel's header cannot be included
/// beside glibc's <sched.h>.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // of SCHED_OTHER: the time slice; 0: the kernel's own
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

constexpr int kSoonNice = -10;
constexpr char kSoonSession[] = "-10";
constexpr std::uint64_t kSoonSliceNs = 100'000;

void schedule_self(int nice, std::uint64_t slice_ns) {
  SchedulingAttributes attributes;
  attributes.nice = nice;
  attributes.runtime_ns = slice_ns;
  // By number: glibc has no wrapper before 2.41.
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void run_soon() { schedule_self(kSoonNice, kSoonSliceNs); }

void run_in_turn() { schedule_self(0, 0); }

void prefer_own_session() {
  if (getsid(0) != getpid()) return;  // somebody's shell, or a supervisor's
  const UniqueFd group{open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC)};
  if (!group) return;
  [[maybe_unused]] const auto n = write(group.get(), kSoonSession, sizeof kSoonSession - 1);
}

}  // namespace probewall
