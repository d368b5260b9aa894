// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "daemon/privileges.hpp"

namespace probewall {
namespace {

// What a C++ program with threads, SQLite and an HTTP server on sockets it already has needs, found
// with strace over the tests. No socket, connect or bind: the worker never calls anybody, so a
// taken-over one reaches neither admin.sock nor another machine.
constexpr int kAllowed[] = {
    // memory and threads
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group),
    // signals
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    // time and chance
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
    // who am I
    SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(times),
    // waiting
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
    SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime), SCMP_SYS(pipe2),
    // descriptors
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
    SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    // files, as far as the worker's user may
    SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(getcwd), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(mkdir), SCMP_SYS(fchmod), SCMP_SYS(utimensat),
    // sockets that already exist, and what they accept
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername)};

// Arguments are 64 bits wide here; flags live in the low half.
constexpr scmp_datum_t kLow = 0xffffffffu;

/// Calls that are fine with some arguments only.
int add_conditional(scmp_filter_ctx filter) {
  int failed = 0;
  // No memory becomes executable: injected code has nowhere to go.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  // Threads, not processes. clone3 takes its flags from memory, where a filter cannot look: ENOSYS
  // makes glibc fall back to clone.
  failed |= seccomp_rule_add(
      filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
  failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, kLow, PR_SET_NAME));
  // Reading limits (glibc sizes stacks by them), not setting them.
  failed |=
      seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
  // A thread's own place in the queue for a processor; without capabilities only downwards.
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sched_setattr), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, kLow, 0));
  // abort() signals its own thread group.
  const auto self = static_cast<scmp_datum_t>(getpid());
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, kLow, self));
  return failed;
}

}  // namespace

Result<void> install_system_call_filter() {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter{seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                seccomp_release};
  if (!filter) return fail(ENOMEM, "make a system call filter");
  // A worker before 6.1 would lack some of these; libseccomp leaves out calls of other
  // architectures.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE,
                   2);  // a binary tree: these calls are hot
  for (const int call : kAllowed) {
    if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0) {
      return fail(-error, "add a system call to the filter");
    }
  }
  if (add_conditional(filter.get()) != 0) return fail(EINVAL, "add a system call to the filter");
  if (const int error = seccomp_load(filter.get()); error != 0) {
    return fail(-error, "load the system call filter");
  }
  return {};
}

}  // namespace probewall
