// SPDX-License-Identifier: Apache-2.0
#include "bench/world.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

namespace probewall::bench {
namespace {
constexpr const char* kBpffs = "/sys/fs/bpf";
}

Result<void> enter_own_world(bool keep_network) {
  if (unshare(CLONE_NEWNS | (keep_network ? 0 : CLONE_NEWNET)) != 0)
    return fail(errno, "new namespaces (benchmarks need root)");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail(errno, "make mounts private");
  if (mount("bpf", kBpffs, "bpf", 0, nullptr) != 0) return fail(errno, "mount an own bpffs");
  return {};
}

Result<std::string> new_pin_directory() {
  static int number = 0;
  std::string path = std::string{kBpffs} + "/bench" + std::to_string(number++);
  if (mkdir(path.c_str(), 0700) != 0) return fail(errno, "mkdir " + path);
  return path;
}

Result<void> make_veth(const std::string& name) {
  const std::string other = name + "p";
  // No addresses: neighbour discovery would run the programs as well, and count.
  const std::string text = "ip link add " + name + " type veth peer name " + other +
                           " && ip link set " + name + " addrgenmode none up && ip link set " +
                           other + " addrgenmode none up";
  if (std::system(text.c_str()) != 0) return fail(0, "make the veth pair " + name);
  return {};
}

Result<void> attach_idle(int program, const std::string& interface) {
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  const int error = bpf_xdp_attach(index, program, XDP_FLAGS_SKB_MODE, nullptr);
  if (error != 0) return fail(-error, "attach a program to " + interface);
  return {};
}

}  // namespace probewall::bench
