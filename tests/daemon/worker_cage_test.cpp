// SPDX-License-Identifier: Apache-2.0
// What a taken-over worker cannot do. Each action is tried twice on the running kernel, by a child
// that has inherited more than a worker ever has (the link, the program, a writable table): as
// root, where it must succeed (else the trial proves nothing), and behind the very functions the
// worker calls, where it must be refused.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include "daemon/privileges.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

constexpr unsigned kLoopback = 1;

/// A table, a program and its link on lo, as the guard holds them.
struct Kernel {
  std::string directory;
  UniqueFd table, program, link, listener, null_file;
  std::uint32_t table_id = 0;

  std::string pin() const { return directory + "/bpf/table"; }
  std::string socket_path() const { return directory + "/socket"; }

  static int load_program() {
    const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS},
                             {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    return bpf_prog_load(BPF_PROG_TYPE_XDP, "cage", "GPL", pass, 2, nullptr);
  }
  Kernel() {
    char text[] = "/tmp/probewall-cage-XXXXXX";
    EXPECT_NE(mkdtemp(text), nullptr);
    directory = text;
    chmod(text, 0755);
    mkdir((directory + "/bpf").c_str(), 0755);
    EXPECT_EQ(mount("bpf", (directory + "/bpf").c_str(), "bpf", 0, "mode=0777"), 0)
        << std::strerror(errno);
    LIBBPF_OPTS(bpf_map_create_opts, mmapable, .map_flags = BPF_F_MMAPABLE);
    table = UniqueFd{bpf_map_create(BPF_MAP_TYPE_ARRAY, "cage_table", 4, 8, 1, &mmapable)};
    EXPECT_TRUE(table) << std::strerror(errno);
    EXPECT_EQ(bpf_obj_pin(table.get(), pin().c_str()), 0);
    chmod(pin().c_str(), 0666);  // the file's mode is not what keeps a worker out
    bpf_map_info info{};
    __u32 size = sizeof info;
    EXPECT_EQ(bpf_obj_get_info_by_fd(table.get(), &info, &size), 0);
    table_id = info.id;
    program = UniqueFd{load_program()};
    EXPECT_TRUE(program) << std::strerror(errno);
    LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
    link = UniqueFd{bpf_link_create(program.get(), kLoopback, BPF_XDP, &generic)};
    EXPECT_TRUE(link) << std::strerror(errno);

    null_file = UniqueFd{open("/dev/null", O_RDONLY | O_CLOEXEC)};
    listener = UniqueFd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = unix_address();
    EXPECT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener.get(), 8), 0);
    chmod(socket_path().c_str(), 0777);
  }
  ~Kernel() {
    while (umount2(directory.c_str(), MNT_DETACH) == 0) {  // what a trial put there
    }
    unlink(socket_path().c_str());
    umount2((directory + "/bpf").c_str(), MNT_DETACH);
    rmdir((directory + "/bpf").c_str());
    rmdir(directory.c_str());
  }
  sockaddr_un unix_address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path().c_str(), sizeof address.sun_path - 1);
    return address;
  }
};

/// Runs `action` in a child; its errno, 0 when it succeeded, 255 when it died.
int errno_of(const std::function<bool()>& action, bool caged) {
  const pid_t child = fork();
  if (child == 0) {
    if (caged) {
      const auto identity = worker_identity("nobody");
      if (!identity || !drop_privileges(*identity) || !install_system_call_filter()) _exit(254);
    }
    errno = 0;
    _exit(action() ? 0 : errno == 0 ? 253 : errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

struct Forbidden {
  const char* name;
  bool (*action)(const Kernel&);
};
void PrintTo(const Forbidden& f, std::ostream* out) { *out << f.name; }

const Forbidden kForbidden[] = {
    {"UpdatesATableByALeakedDescriptor",
     [](const Kernel& k) {
       const std::uint32_t key = 0;
       const std::uint64_t value = 1;
       return bpf_map_update_elem(k.table.get(), &key, &value, BPF_ANY) == 0;
     }},
    {"ReadsATableByALeakedDescriptor",
     [](const Kernel& k) {
       const std::uint32_t key = 0;
       std::uint64_t value = 0;
       return bpf_map_lookup_elem(k.table.get(), &key, &value) == 0;
     }},
    {"FreezesATableAgainstTheGuard",
     [](const Kernel& k) { return bpf_map_freeze(k.table.get()) == 0; }},
    {"DetachesTheFilterByItsLink",
     [](const Kernel& k) { return bpf_link_detach(k.link.get()) == 0; }},
    {"ReplacesTheFilterByItsLink",
     [](const Kernel& k) { return bpf_link_update(k.link.get(), k.program.get(), nullptr) == 0; }},
    {"RunsAProgram",
     [](const Kernel& k) {
       char packet[64] = {};
       LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof packet);
       return bpf_prog_test_run_opts(k.program.get(), &run) == 0;
     }},
    {"LoadsAProgram", [](const Kernel&) { return Kernel::load_program() >= 0; }},
    {"MakesATable",
     [](const Kernel&) {
       return bpf_map_create(BPF_MAP_TYPE_ARRAY, "mine", 4, 4, 1, nullptr) >= 0;
     }},
    {"OpensATableByItsNumber",
     [](const Kernel& k) { return bpf_map_get_fd_by_id(k.table_id) >= 0; }},
    {"OpensAPin", [](const Kernel& k) { return bpf_obj_get(k.pin().c_str()) >= 0; }},
    {"PinsATable",
     [](const Kernel& k) {
       return bpf_obj_pin(k.table.get(), (k.directory + "/bpf/mine").c_str()) == 0;
     }},
    {"TakesAPinAway", [](const Kernel& k) { return unlink(k.pin().c_str()) == 0; }},
    {"DetachesByNetlink", [](const Kernel&) { return socket(AF_NETLINK, SOCK_RAW, 0) >= 0; }},
    {"CallsTheGuardsOrAnyOtherSocket",
     [](const Kernel& k) {
       const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
       const auto address = k.unix_address();
       return fd >= 0 &&
              connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
     }},
    {"SendsOverTheInternet", [](const Kernel&) { return socket(AF_INET, SOCK_DGRAM, 0) >= 0; }},
    {"BecomesRoot", [](const Kernel&) { return setresuid(0, 0, 0) == 0; }},
    {"RunsAnotherProgram",
     [](const Kernel&) {
       char name[] = "/bin/true";
       char* argv[] = {name, nullptr};
       execv(name, argv);  // its exit status is 0
       return false;
     }},
    {"MakesAProcess",
     [](const Kernel&) {
       const pid_t child = fork();
       if (child == 0) _exit(0);
       return child > 0;
     }},
    {"TracesItsParent", [](const Kernel&) { return ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0; }},
    {"SignalsItsParent", [](const Kernel&) { return kill(getppid(), 0) == 0; }},
    {"SignalsItsParentsThread",
     [](const Kernel&) { return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0; }},
    {"TakesADescriptorFromItsParent",
     [](const Kernel&) {
       const auto parent = static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0));
       return parent >= 0 && syscall(SYS_pidfd_getfd, parent, 0, 0) >= 0;
     }},
    {"MountsAFileSystem",
     [](const Kernel& k) { return mount("none", k.directory.c_str(), "tmpfs", 0, nullptr) == 0; }},
    {"MakesANamespace", [](const Kernel&) { return unshare(CLONE_NEWNET) == 0; }},
    {"MapsExecutableMemory",
     [](const Kernel&) {
       return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
              MAP_FAILED;
     }},
    {"MakesItselfTraceable", [](const Kernel&) { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; }},
    {"OutlivesItsGuard", [](const Kernel&) { return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0; }},
    {"OpensAFileOfItsParentByNumber",
     [](const Kernel& k) {
       const auto path =
           "/proc/" + std::to_string(getppid()) + "/fd/" + std::to_string(k.null_file.get());
       return open(path.c_str(), O_RDWR) >= 0;
     }},
};

class WorkerCage : public testing::TestWithParam<Forbidden> {};

TEST_P(WorkerCage, Refuses) {
  {
    const Kernel kernel;
    EXPECT_EQ(errno_of([&] { return GetParam().action(kernel); }, false), 0)
        << "as root it must work";
  }
  const Kernel kernel;
  const int refused = errno_of([&] { return GetParam().action(kernel); }, true);
  EXPECT_TRUE(refused == EPERM || refused == EACCES) << "errno " << refused;
}

INSTANTIATE_TEST_SUITE_P(What, WorkerCage, testing::ValuesIn(kForbidden),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST(WorkerCageAllows, ThreadsFilesAndConnectionsToItsSockets) {
  const Kernel kernel;
  // As the worker: the listening socket was there before, the client comes from outside.
  const UniqueFd client{socket(AF_UNIX, SOCK_STREAM, 0)};
  const auto address = kernel.unix_address();
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  chmod(kernel.directory.c_str(), 0777);
  const auto file = kernel.directory + "/file";

  const int failed = errno_of(
      [&] {
        std::atomic<int> ran{0};
        std::thread{[&] { ++ran; }}.join();
        std::ofstream{file} << "text";
        const int fd = accept4(kernel.listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
        return ran == 1 && fd >= 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1 &&
               access(file.c_str(), R_OK) == 0 && unlink(file.c_str()) == 0;
      },
      true);

  EXPECT_EQ(failed, 0);
}

TEST(WorkerCage, TableMappedReadOnlyBeforeStaysReadOnly) {
  const Kernel kernel;
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, kernel.table.get(), 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(errno_of([&] { return mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0; }, true),
            EACCES);
  munmap(page, 4096);
}

TEST(WorkerCage, ReadOnlyTableDescriptorCannotBeOpenedAgainForWriting) {
  const Kernel kernel;
  LIBBPF_OPTS(bpf_obj_get_opts, read_only, .file_flags = BPF_F_RDONLY);
  const UniqueFd table{bpf_obj_get_opts(kernel.pin().c_str(), &read_only)};
  ASSERT_TRUE(table);
  const auto path = "/proc/self/fd/" + std::to_string(table.get());
  EXPECT_NE(errno_of([&] { return open(path.c_str(), O_RDWR) >= 0; }, true), 0);
  EXPECT_NE(errno_of(
                [&] {
                  return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, table.get(), 0) !=
                         MAP_FAILED;
                },
                true),
            0);
}

TEST(WorkerCage, NeverRunsAsRoot) {
  EXPECT_EQ(worker_identity("root").error().status, ExitStatus::kConfigInvalid);
  const auto fallback = worker_identity("probewall-no-such-user");
  ASSERT_TRUE(fallback.has_value());
  EXPECT_EQ(fallback->user, "nobody");
  EXPECT_NE(fallback->uid, 0u);
}

}  // namespace
}  // namespace probewall

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // Mounts and the filter on lo stay among us.
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    std::perror("these tests need root");
    return 1;
  }
  return RUN_ALL_TESTS();
}
