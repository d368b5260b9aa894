// SPDX-License-Identifier: Apache-2.0
// The bench programs (bpf/bench) as tests need them: pins of their own, an idle interface each.
#pragma once

#include <linux/if_link.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "dataplane/gate_pin.hpp"
#include "lab_objects.hpp"
#include "probewall/ip.hpp"

namespace probewall::test {

/// Ever made, of all kinds: no two have interfaces of the same name.
inline int listed_labs = 0;

/// One of xdp_listed_bpf and xdp_reference_bpf. `Skeleton`'s tables are pinned below `directory`,
/// which is the parent of "v1"; they are made there, or shared with who made them.
template <typename Skeleton>
class ListedLab {
 public:
  /// `sources`: a power of two of them, or none: the packet keeps its own.
  ListedLab(const std::string& directory, const pw_settings& settings, const LabOptions& options,
            std::span<const IpAddress> sources) {
    const std::string root = directory + "/v" + std::to_string(PW_ABI_VERSION);
    mkdir(directory.c_str(), 0700);
    mkdir(root.c_str(), 0700);
    LIBBPF_OPTS(bpf_object_open_opts, open);
    open.pin_root_path = root.c_str();
    skeleton_.reset(Skeleton::open(&open));
    must(skeleton_ != nullptr, "open skeleton");
    set_sizes(skeleton_->obj, options);
    pin_gate(skeleton_->obj, root);
    if (!sources.empty()) {
      bpf_map__set_max_entries(skeleton_->maps.pw_bench_sources, sources.size());
      skeleton_->rodata->pw_bench_mask = static_cast<__u32>(sources.size() - 1);
    }
    must(Skeleton::load(skeleton_.get()) == 0, "load " + std::string{skeleton_->skeleton->name});
    for (__u32 i = 0; i < sources.size(); ++i) {
      const auto source = sources[i].to_abi();
      const int list = bpf_map__fd(skeleton_->maps.pw_bench_sources);
      must(bpf_map_update_elem(list, &i, &source, BPF_ANY) == 0, "write the list of sources");
    }
    const __u32 zero = 0;
    const int map = bpf_map__fd(skeleton_->maps.pw_settings);
    must(bpf_map_update_elem(map, &zero, &settings, BPF_ANY) == 0, "write settings");
    attach_to_veth();
  }
  ~ListedLab() { (void)std::system(("ip link del " + interface_).c_str()); }

  int fd() const { return bpf_program__fd(skeleton_->progs.pw_xdp); }
  XdpResult xdp(const Frame& frame) const { return run_xdp(fd(), frame); }
  /// `count` packets in one call; returns how many were dropped.
  std::uint64_t drops_of(const Frame& frame, std::uint32_t count) const {
    const auto before = drops();
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = static_cast<__u32>(frame.size());
    run.repeat = static_cast<int>(count);
    must(bpf_prog_test_run_opts(fd(), &run) == 0, "test run");
    return drops() - before;
  }

 private:
  std::uint64_t drops() const {
    std::uint64_t sum = 0;
    for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) {
      const __u32 row = cpu * PW_MAX_INTERFACES;
      const auto counters = look_up<pw_counters>(bpf_map__fd(skeleton_->maps.pw_counters), row);
      for (const auto family : {PW_FAMILY_IPV4, PW_FAMILY_IPV6}) {
        sum += counters->packets[PW_VERDICT_DROP_BAN][family] +
               counters->packets[PW_VERDICT_DROP_FEED][family];
      }
    }
    return sum;
  }
  /// A test run of a program that is attached nowhere pays 20 ms.
  void attach_to_veth() {
    interface_ = "pwlist" + std::to_string(listed_labs++);
    must(std::system(
             ("ip link add " + interface_ + " type veth peer name " + interface_ + "p").c_str()) ==
             0,
         "make a veth");
    must(bpf_xdp_attach(static_cast<int>(if_nametoindex(interface_.c_str())), fd(),
                        XDP_FLAGS_SKB_MODE, nullptr) == 0,
         "attach to " + interface_);
  }

  Owned<Skeleton> skeleton_;
  std::string interface_;
};

}  // namespace probewall::test
