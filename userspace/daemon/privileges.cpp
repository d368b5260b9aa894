// SPDX-License-Identifier: Apache-2.0
#include "daemon/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace probewall {
namespace {

constexpr const char* kFallbackUser = "nobody";
constexpr rlim_t kOpenFiles = 4096;

/// Every capability the running kernel knows, not only those of the headers.
Result<void> empty_bounding_set() {
  for (int cap = 0; cap < 64; ++cap) {
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the last one
    return fail(errno, "drop a capability from the bounding set");
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return fail(errno, "clear ambient capabilities");
  }
  // Root's uid gives nothing any more, should it ever come back.
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) return fail(errno, "lock securebits");
  return {};
}

Result<void> become(const WorkerIdentity& identity) {
  if (setgroups(0, nullptr) != 0) return fail(errno, "leave supplementary groups");
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) return fail(errno, "change group");
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0) return fail(errno, "change user");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return fail(errno, "drop capabilities");
  return {};
}

Result<void> limit_resources() {
  const rlimit no_core{0, 0};
  const rlimit files{kOpenFiles, kOpenFiles};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return fail(errno, "forbid core dumps");
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) return fail(errno, "limit open files");
  return {};
}

}  // namespace

Result<WorkerIdentity> worker_identity(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) entry = getpwnam(kFallbackUser);
  if (entry == nullptr) return fail(0, "neither user " + user + " nor nobody exists; create one");
  if (entry->pw_uid == 0) {
    return fail(ExitStatus::kConfigInvalid, "user = \"" + user + "\" is root; name another user");
  }
  return WorkerIdentity{entry->pw_name, entry->pw_uid, entry->pw_gid};
}

std::optional<gid_t> operator_group() {
  const group* entry = getgrnam("probewall");
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

Result<void> drop_privileges(const WorkerIdentity& identity) {
  if (auto done = limit_resources(); !done) return done;
  if (auto done = empty_bounding_set(); !done) return done;
  if (auto done = become(identity); !done) return done;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(errno, "set no_new_privs");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail(errno, "clear dumpable");
  // After the change of user, which clears it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail(errno, "set parent death signal");
  return {};
}

}  // namespace probewall
