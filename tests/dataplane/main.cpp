// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "dataplane/lab.hpp"

/// The tests run in a child, so that what they made in the kernel goes away even if they crash.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (geteuid() != 0) {
    std::fprintf(stderr, "these tests load BPF programs: run them as root\n");
    return 1;
  }
  const pid_t child = fork();
  if (child == 0) return RUN_ALL_TESTS();
  int status = 1;
  waitpid(child, &status, 0);
  probewall::lab::clean_up_after(child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
