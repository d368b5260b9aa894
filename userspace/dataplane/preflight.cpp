// SPDX-License-Identifier: Apache-2.0
#include "dataplane/preflight.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "dataplane/pin_list.hpp"
#include "probewall/abi/common.h"

namespace probewall {
namespace {

namespace fs = std::filesystem;

bool is_bpffs(const fs::path& path) {
  struct statfs info {};
  return statfs(path.c_str(), &info) == 0 &&
         static_cast<unsigned long>(info.f_type) == static_cast<unsigned long>(BPF_FS_MAGIC);
}

fs::path nearest_existing(fs::path path) {
  std::error_code ec;
  while (!fs::exists(path, ec) && path.has_relative_path()) path = path.parent_path();
  return path;
}

}  // namespace

Result<std::string> missing_capabilities(std::span<const Capability> needed) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, data) != 0) return fail(errno, "read capabilities");
  std::vector<std::string> missing;
  for (const auto& [name, number] : needed) {
    if ((data[number / 32].effective >> number % 32 & 1u) == 0) missing.emplace_back(name);
  }
  std::string words;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (i > 0) words += i + 1 == missing.size() ? " and " : ", ";
    words += missing[i];
  }
  return words;
}

Result<void> check_capabilities() {
  constexpr Capability kAdmin{"CAP_SYS_ADMIN", CAP_SYS_ADMIN};  // includes CAP_BPF
  constexpr Capability kNeeded[] = {{"CAP_BPF", CAP_BPF}, {"CAP_NET_ADMIN", CAP_NET_ADMIN}};
  const auto no_admin = missing_capabilities({&kAdmin, 1});
  if (!no_admin) return tl::unexpected(no_admin.error());
  const auto missing = missing_capabilities(std::span{kNeeded}.subspan(no_admin->empty() ? 1 : 0));
  if (!missing) return tl::unexpected(missing.error());
  if (missing->empty()) return {};
  return fail(ExitStatus::kPermission,
              "loading the filter needs " + *missing + ": run as root, e.g. with sudo");
}

Result<void> check_btf() {
  constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
  if (access(kBtf, R_OK) == 0) return {};
  return fail(ExitStatus::kFailed,
              std::string{kBtf} +
                  " cannot be read: boot a kernel with BTF (CONFIG_DEBUG_INFO_BTF=y; Debian's own "
                  "kernels have it) and mount sysfs");
}

std::string versioned(const std::string& pin_directory) {
  return pin_directory + "/v" + std::to_string(PW_ABI_VERSION);
}

Result<PinDirectory> open_pin_directory(const std::string& pin_directory) {
  const fs::path existing = nearest_existing(pin_directory);
  if (!is_bpffs(existing)) {
    const std::string mount_point = pin_directory.starts_with("/sys/fs/bpf/")
                                        ? "/sys/fs/bpf"
                                        : fs::path{pin_directory}.parent_path();
    return fail(
        ExitStatus::kFailed,
        pin_directory + " is not on a BPF file system: run `mount -t bpf bpf " + mount_point + "`");
  }
  PinDirectory out;
  out.path = versioned(pin_directory);
  std::vector<fs::path> missing;
  std::error_code ec;
  for (fs::path p = out.path; p != existing; p = p.parent_path()) missing.push_back(p);
  for (auto p = missing.rbegin(); p != missing.rend(); ++p) {
    if (mkdir(p->c_str(), 0700) == 0) {
      out.created = true;
    } else if (errno != EEXIST) {
      return fail(errno, "create " + p->string());
    }
  }
  const auto pins = list_pins(out.path);
  out.created |= pins && pins->own.empty();
  auto lock = lock_pins(pin_directory);
  if (!lock && lock.error().errno_value == EWOULDBLOCK) {
    return fail(ExitStatus::kFailed, "another probewalld uses " + pin_directory +
                                         ": stop it, or set another paths.pin_directory");
  }
  if (!lock) return tl::unexpected(lock.error());
  if (!*lock) return fail(ENOENT, "open " + out.path);
  out.lock = std::move(*lock);
  return out;
}

Result<UniqueFd> lock_pins(const std::string& pin_directory) {
  UniqueFd lock{open(versioned(pin_directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!lock) {
    if (errno == ENOENT) return UniqueFd{};
    return fail(errno, "open " + versioned(pin_directory));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(errno, pin_directory + " is in use by a running probewalld");
  }
  return lock;
}

}  // namespace probewall
