// SPDX-License-Identifier: Apache-2.0
#include "dataplane/lab.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "dataplane/object_set.hpp"

namespace probewall::lab {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void give_up(const std::string& what) {
  std::cerr << "lab: " << what << std::endl;
  std::abort();
}

std::string prefix_of(int pid) { return "probewall-dataplane-" + std::to_string(pid) + "-"; }
std::string directory_of(int pid) { return "/tmp/probewall-dataplane-" + std::to_string(pid); }

void enter(const std::string& path) {
  const UniqueFd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd || setns(fd.get(), CLONE_NEWNET) != 0) give_up("enter " + path);
}

/// A wire between namespace `a` and the gateway, addresses ::2 and ::1 of `net`.
void wire(const std::string& a, const std::string& a_if, const std::string& gateway,
          const std::string& g_if, int net) {
  const std::string v4 = "10." + std::to_string(net) + ".0.",
                    v6 = "fd" + std::to_string(net) + "::";
  const std::string in_a = "ip -n " + a + " ", in_g = "ip -n " + gateway + " ";
  run(in_a + "link add " + a_if + " type veth peer name " + g_if + " netns " + gateway);
  run(in_a + "addr add " + v4 + "2/24 dev " + a_if);
  run(in_a + "addr add " + v6 + "2/64 dev " + a_if + " nodad");
  run(in_g + "addr add " + v4 + "1/24 dev " + g_if);
  run(in_g + "addr add " + v6 + "1/64 dev " + g_if + " nodad");
  run(in_a + "link set " + a_if + " up");
  run(in_g + "link set " + g_if + " up");
  run(in_a + "link set lo up");
  run(in_a + "route add default via " + v4 + "1");
  run(in_a + "-6 route add default via " + v6 + "1");
}

}  // namespace

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) give_up("failed: " + command);
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, decltype(&pclose)> pipe{popen(command.c_str(), "r"), &pclose};
  std::string out;
  std::array<char, 4096> buffer{};
  while (pipe && fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) out += buffer.data();
  return out;
}

Lab::Lab() : prefix_(prefix_of(getpid())), directory_(directory_of(getpid())) {
  for (const auto& name : {client(), gateway(), server()}) {
    run("ip netns add " + name);
    // Duplicate address detection would hold up the first IPv6 packets for a second.
    run("ip netns exec " + name + " sysctl -qw net.ipv6.conf.default.accept_dad=0");
  }
  wire(client(), "c0", gateway(), "g0", 77);
  wire(server(), "s0", gateway(), "g1", 78);
  run("ip -n " + gateway() + " link set lo up");
  run("ip netns exec " + gateway() +
      " sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
  fs::create_directories(directory_ + "/bpf");
  if (mount("bpf", (directory_ + "/bpf").c_str(), "bpf", 0, nullptr) != 0) give_up("mount bpffs");
  pins_ = directory_ + "/bpf/probewall";
  outside_ = UniqueFd{open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
  enter("/run/netns/" + gateway());
}

Lab::~Lab() {
  if (setns(outside_.get(), CLONE_NEWNET) != 0) give_up("leave the gateway");
  clean_up_after(getpid());
}

void clean_up_after(int pid) {
  for (const char* part : {"client", "gateway", "server"}) {
    const std::string name = prefix_of(pid) + part;
    if (fs::exists("/run/netns/" + name)) run("ip netns del " + name);
  }
  const std::string mount_point = directory_of(pid) + "/bpf";
  std::error_code ec;
  if (fs::exists(mount_point)) umount2(mount_point.c_str(), MNT_DETACH);
  fs::remove_all(directory_of(pid), ec);
}

Config Lab::config() const {
  Config c;
  c.paths.pin_directory = pins_;
  c.ports = {11434};
  c.capture.memory = 4 << 20;
  c.block.max_addresses = 1024;
  c.block.max_prefixes = 1024;
  c.memory.max_flows = 1024;
  c.memory.max_sources = 1024;
  return c;
}

std::unique_ptr<Dataplane> Lab::start(const Config& config) const {
  auto opened = Dataplane::open(config);
  if (!opened) give_up("open: " + opened.error().message);
  const auto kept = (*opened)->settings();
  const auto settings = settings_from(config, kept ? std::optional{*kept} : std::nullopt);
  if (!settings || !(*opened)->set_settings(*settings) || !(*opened)->set_ports(config)) {
    give_up("write settings and ports");
  }
  return std::move(*opened);
}

void in_namespace(const std::string& name, const std::function<void()>& work) {
  std::thread{[&] {
    enter("/run/netns/" + name);
    work();
  }}.join();
}

void put_on_hook(const Lab& lab, const Config& config, const std::string& interface,
                 AttachKind kind) {
  auto objects = ObjectSet::open(config, lab.pin_directory() + "/v1", 0);
  if (!objects || !objects->load_xdp()) give_up("load the XDP program");
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  const __u32 flags = config.xdp.mode == XdpMode::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  if (kind == AttachKind::kNetlink) {
    if (bpf_xdp_attach(index, objects->xdp_fd(), flags, nullptr) != 0) give_up("attach by netlink");
    return;
  }
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = flags;
  const UniqueFd link{bpf_link_create(objects->xdp_fd(), index, BPF_XDP, &options)};
  const std::string pin = lab.pin_directory() + "/v1/link_xdp_" + interface;
  if (!link || bpf_obj_pin(link.get(), pin.c_str()) != 0) give_up("attach by link");
}

std::uint32_t xdp_program_id(const std::string& interface) {
  std::uint32_t id = 0;
  bpf_xdp_query_id(static_cast<int>(if_nametoindex(interface.c_str())), 0, &id);
  return id;
}

bool xdp_is_native(const std::string& interface) {
  std::uint32_t id = 0;
  bpf_xdp_query_id(static_cast<int>(if_nametoindex(interface.c_str())), XDP_FLAGS_DRV_MODE, &id);
  return id != 0;
}

bool has_clsact(const std::string& interface) {
  return output_of("tc qdisc show dev " + interface).find("clsact") != std::string::npos;
}

int load_stranger(bool xdp, const char* name) {
  const bpf_insn code[] = {
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, xdp ? 2 : -1},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  return bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, name, "GPL", code, 2,
                       nullptr);
}

}  // namespace probewall::lab
