// SPDX-License-Identifier: Apache-2.0
// How the worker becomes harmless before it reads its first byte from the wire.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "probewall/result.hpp"

namespace probewall {

struct WorkerIdentity {
  std::string user;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The named user; "nobody" when it does not exist. Never uid 0.
Result<WorkerIdentity> worker_identity(const std::string& user);
/// Members of this group may use control.sock and admin.sock.
std::optional<gid_t> operator_group();

/// Gives up, for good: all capabilities (bounding and ambient sets too), supplementary groups,
/// root's ids, new privileges by exec, core dumps, being traced. The kernel kills the process when
/// its parent dies. Call it before any thread exists: capabilities belong to threads.
Result<void> drop_privileges(const WorkerIdentity& identity);

/// Default-deny system call filter (EPERM) for this thread and all later ones: epoll, threads,
/// files of our own and accepted sockets go; bpf, exec, fork, ptrace, mount, module, key and new
/// sockets do not. Needs no_new_privs or CAP_SYS_ADMIN. Memory cannot become executable any more.
Result<void> install_system_call_filter();

}  // namespace probewall
