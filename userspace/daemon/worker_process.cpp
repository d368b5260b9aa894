// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace probewall {
namespace {

constexpr int kSocketBufferBytes = 1 << 20;
constexpr std::size_t kMaxFds = 2;

/// Descriptors in the order of their numbers in the worker, from kGuardFd on.
std::vector<int> kept_descriptors(int socket, int boot, const WorkerDescriptors& d) {
  std::vector<int> kept{socket, boot, d.skip, d.counters};
  if (d.rings.empty()) {
    kept.push_back(d.perf_events);
  } else {
    kept.push_back(d.need_wake);
    kept.insert(kept.end(), d.rings.begin(), d.rings.end());
  }
  return kept;
}

/// Between fork and exec of a process with threads: async-signal-safe calls only, no allocation.
[[noreturn]] void become_worker(std::vector<int>& kept, int null_fd, char* const argv[]) {
  const int count = static_cast<int>(kept.size());
  const int end = kGuardFd + count;
  // First out of the way: a kept descriptor may have a number that another one is to get.
  for (int& fd : kept) {
    fd = fcntl(fd, F_DUPFD, end);
    if (fd < 0) _exit(static_cast<int>(ExitStatus::kFailed));
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(kept[static_cast<std::size_t>(i)], kGuardFd + i) < 0) {
      _exit(static_cast<int>(ExitStatus::kFailed));
    }
  }
  dup2(null_fd, STDIN_FILENO);
  if (close_range(static_cast<unsigned>(end), ~0u, 0) != 0) {
    _exit(static_cast<int>(ExitStatus::kFailed));
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv("/proc/self/exe", argv);
  _exit(static_cast<int>(ExitStatus::kFailed));
}

}  // namespace

WorkerProcess::WorkerProcess(EventLoop& loop, OnWish on_wish, OnExit on_exit)
    : loop_(loop), on_wish_(std::move(on_wish)), on_exit_(std::move(on_exit)) {}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(EventLoop& loop, const WorkerBoot& boot,
                                                            const WorkerDescriptors& descriptors,
                                                            OnWish on_wish, OnExit on_exit) {
  std::unique_ptr<WorkerProcess> made{
      new WorkerProcess{loop, std::move(on_wish), std::move(on_exit)}};
  if (auto spawned = made->spawn(boot, descriptors); !spawned) {
    return tl::unexpected(spawned.error());
  }
  return made;
}

Result<void> WorkerProcess::spawn(const WorkerBoot& boot, const WorkerDescriptors& descriptors) {
  auto document = sealed_memfd(encode_boot(boot));
  if (!document) return tl::unexpected(document.error());
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return fail(errno, "create the worker's socket pair");
  }
  socket_ = UniqueFd{pair[0]};
  const UniqueFd theirs{pair[1]};
  for (const int fd : pair) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
  const UniqueFd null_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!null_fd) return fail(errno, "open /dev/null");

  auto kept = kept_descriptors(theirs.get(), document->get(), descriptors);
  std::string name = "probewalld: worker";
  std::string argument = kWorkerArgument;
  char* const argv[] = {name.data(), argument.data(), nullptr};
  pid_ = fork();
  if (pid_ < 0) return fail(errno, "fork the worker");
  if (pid_ == 0) become_worker(kept, null_fd.get(), argv);

  // By number: glibc 2.36 declares its wrapper without C linkage.
  pidfd_ = UniqueFd{static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))};
  if (!pidfd_) return fail(errno, "watch the worker");
  auto watched = loop_.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { reap(false); });
  if (!watched) return watched;
  return loop_.add(socket_.get(), EPOLLIN, [this](std::uint32_t events) { on_socket(events); });
}

WorkerProcess::~WorkerProcess() { stop(std::chrono::milliseconds{0}); }

bool WorkerProcess::send_now(const Outgoing& out) {
  if (out.fds.empty()) {
    return ::send(socket_.get(), &out.note, sizeof out.note, MSG_DONTWAIT | MSG_NOSIGNAL) ==
           sizeof out.note;
  }
  auto note = out.note;
  iovec bytes{&note, sizeof note};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))] = {};
  int fds[kMaxFds];
  const auto count = std::min(out.fds.size(), kMaxFds);
  for (std::size_t i = 0; i < count; ++i) fds[i] = out.fds[i].get();
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds, count * sizeof(int));
  return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof note;
}

void WorkerProcess::send(const guard::Note& note, std::vector<UniqueFd> fds) {
  if (!socket_) return;
  Outgoing out{note, std::move(fds)};
  if (waiting_.empty()) {
    if (send_now(out)) return;
    if (errno != EAGAIN) return;  // the worker is gone: its exit is reported by the pidfd
    loop_.modify(socket_.get(), EPOLLIN | EPOLLOUT);
  }
  if (waiting_.size() >= kMaxWaiting) {
    ++dropped_;
    return;
  }
  waiting_.push_back(std::move(out));
}

void WorkerProcess::flush() {
  while (!waiting_.empty()) {
    if (!send_now(waiting_.front())) return;
    waiting_.pop_front();
  }
  loop_.modify(socket_.get(), EPOLLIN);
}

void WorkerProcess::on_socket(std::uint32_t events) {
  if (events & EPOLLOUT) flush();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_wishes();
}

void WorkerProcess::read_wishes() {
  for (int i = 0; i < kWishesPerTurn && socket_; ++i) {
    guard::Wish wish;
    // MSG_TRUNC gives the packet's real length: anything but a whole wish is dropped.
    const auto n = ::recv(socket_.get(), &wish, sizeof wish, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0) return;
    if (n == 0) return close_socket();  // end of file, or an empty packet: nothing sane sends one
    if (n == sizeof wish) on_wish_(wish);
  }
}

void WorkerProcess::close_socket() {
  if (!socket_) return;
  loop_.remove(socket_.get());
  socket_ = UniqueFd{};
  waiting_.clear();
}

void WorkerProcess::reap(bool block) {
  if (pid_ < 0) return;
  int status = 0;
  if (waitpid(pid_, &status, block ? 0 : WNOHANG) != pid_) return;
  pid_ = -1;
  if (pidfd_) {
    loop_.remove(pidfd_.get());
    pidfd_ = UniqueFd{};
  }
  read_wishes();
  close_socket();
  if (block) return;
  // Moved out first: the callback may destroy this object, itself included.
  const OnExit on_exit = std::move(on_exit_);
  on_exit(status);
}

void WorkerProcess::stop(std::chrono::milliseconds patience) {
  close_socket();
  if (pid_ < 0) return;
  if (patience.count() > 0 && pidfd_) {
    kill(pid_, SIGTERM);
    pollfd ended{pidfd_.get(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(patience.count()));
  }
  kill(pid_, SIGKILL);
  reap(true);
}

}  // namespace probewall
