// SPDX-License-Identifier: Apache-2.0
#include "dataplane/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace probewall::lab {

Process::Process(const std::string& netns, std::vector<std::string> arguments,
                 std::vector<std::string> environment) {
  int out[2], in[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(in, O_CLOEXEC) != 0) std::abort();
  arguments.insert(arguments.begin(), {"ip", "netns", "exec", netns});
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    for (auto& e : environment) putenv(e.data());
    execvp(argv[0], argv.data());
    _exit(127);
  }
  output_ = UniqueFd{out[0]};
  input_ = UniqueFd{in[1]};
  close(out[1]);
  close(in[0]);
}

Process::~Process() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

bool Process::wait_for_output(const std::string& text) {
  std::string seen;
  char c = 0;
  while (read(output_.get(), &c, 1) == 1) {
    seen += c;
    if (seen.ends_with(text)) return true;
  }
  return false;
}

}  // namespace probewall::lab
