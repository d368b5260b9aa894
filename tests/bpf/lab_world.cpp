// SPDX-License-Identifier: Apache-2.0
#include "lab_world.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace probewall::test {
namespace {

constexpr const char* kMount = "/sys/fs/bpf";

void must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "kernel tests need root: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

class World : public ::testing::Environment {
 public:
  void SetUp() override { enter_own_world(); }
};

}  // namespace

void enter_own_world() {
  must(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "unshare");
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  must(mount("bpf", kMount, "bpf", 0, nullptr) == 0, "mount an own bpffs");
}

std::string new_pin_directory() {
  static int number = 0;
  const std::string path = std::string{kMount} + "/lab" + std::to_string(number++);
  must(mkdir(path.c_str(), 0700) == 0, "mkdir in bpffs");
  return path;
}

}  // namespace probewall::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new probewall::test::World);
  return RUN_ALL_TESTS();
}
