// SPDX-License-Identifier: Apache-2.0
// Loading and running the programs.
#include "kernel_lab.hpp"

#include <linux/if_link.h>
#include <sys/stat.h>

#include <array>

#include "dataplane/gate_pin.hpp"
#include "lab_objects.hpp"
#include "lab_world.hpp"

namespace probewall::test {
namespace {

template <typename Skeleton>
Owned<Skeleton> load(const std::string& pin_root, const LabOptions& options,
                     const std::function<void(Skeleton&)>& before) {
  LIBBPF_OPTS(bpf_object_open_opts, open_options);
  open_options.pin_root_path = pin_root.c_str();
  Owned<Skeleton> skeleton{Skeleton::open(&open_options)};
  must(skeleton != nullptr, "open skeleton");
  set_sizes(skeleton->obj, options);
  pin_gate(skeleton->obj, pin_root);
  before(*skeleton);
  must(Skeleton::load(skeleton.get()) == 0, "load " + std::string{skeleton->skeleton->name});
  return skeleton;
}

}  // namespace

KernelLab::KernelLab(const LabOptions& options) : objects_{std::make_unique<Objects>()} {
  objects_->options = options;
  pin_directory_ = new_pin_directory();
  const std::string root = pin_directory_ + "/v" + std::to_string(PW_ABI_VERSION);
  must(mkdir(root.c_str(), 0700) == 0, "mkdir " + root);
  objects_->xdp = load<xdp_filter_bpf>(root, options, [&](xdp_filter_bpf& s) {
    s.rodata->pw_interface_slot = options.interface_slot;
    s.rodata->pw_use_perf = options.perf;
  });
  objects_->out = load<tc_egress_bpf>(root, options, [&](tc_egress_bpf& s) {
    s.rodata->pw_interface_slot = options.interface_slot;
    s.rodata->pw_use_perf = options.perf;
  });
  objects_->in = load<tc_ingress_bpf>(root, options, [&](tc_ingress_bpf& s) {
    s.rodata->pw_interface_slot = options.interface_slot;
  });
  if (options.perf) {
    objects_->open_perf();
  } else {
    objects_->open_rings();
  }
  attach_to_lo();
  reopen_blocks();
  reopen_allows();
}

void KernelLab::reopen_blocks() {
  const auto entries = objects_->options.block_entries;
  blocks_.reset();
  auto table = BlockTable::open(pin_directory_, false, {entries, entries});
  must(table.has_value(), table ? "" : table.error().message);
  blocks_ = std::move(*table);
}

KernelLab::~KernelLab() = default;  // lo keeps the program until the next lab or the process's end

/// A test run of a program that is attached nowhere pays for an update of the XDP dispatcher and an
/// RCU grace period, some 20 ms each. lo of this network namespace carries no traffic.
void KernelLab::attach_to_lo() {
  static int attached = -1;
  if (attached == objects_->number) return;
  must(bpf_xdp_attach(1, xdp_fd(), XDP_FLAGS_SKB_MODE, nullptr) == 0, "attach to lo");
  attached = objects_->number;
}

int KernelLab::xdp_fd() const { return bpf_program__fd(objects_->xdp->progs.pw_xdp); }
int KernelLab::tc_in_fd() const { return bpf_program__fd(objects_->in->progs.pw_tc_in); }

XdpResult KernelLab::xdp(const Frame& frame) { return run_xdp(xdp_fd(), frame); }

XdpResult run_xdp(int fd, const Frame& frame) {
  // The answer starts with the metadata, so there has to be room for it.
  Frame out(frame.size() + 256);
  xdp_md context{};
  xdp_md context_out{};
  context.data_end = static_cast<__u32>(frame.size());
  LIBBPF_OPTS(bpf_test_run_opts, run);
  run.data_in = frame.data();
  run.data_size_in = static_cast<__u32>(frame.size());
  run.data_out = out.data();
  run.data_size_out = static_cast<__u32>(out.size());
  run.ctx_in = &context;
  run.ctx_size_in = sizeof context;
  run.ctx_out = &context_out;
  run.ctx_size_out = sizeof context_out;
  run.repeat = 1;
  must(bpf_prog_test_run_opts(fd, &run) == 0, "test run of an XDP program");
  XdpResult result{run.retval, std::nullopt};
  if (context_out.data - context_out.data_meta >= 8) {
    std::array<std::uint32_t, 2> meta{};
    std::memcpy(meta.data(), out.data(), sizeof meta);
    if (meta[0] == 0x50575447u) result.tag_bits = meta[1];
  }
  return result;
}

std::uint32_t KernelLab::tc_in(const Frame& frame, std::uint32_t mark) {
  __sk_buff context{};
  __sk_buff context_out{};
  context.mark = mark;
  LIBBPF_OPTS(bpf_test_run_opts, run);
  run.data_in = frame.data();
  run.data_size_in = static_cast<__u32>(frame.size());
  run.ctx_in = &context;
  run.ctx_size_in = sizeof context;
  run.ctx_out = &context_out;
  run.ctx_size_out = sizeof context_out;
  must(bpf_prog_test_run_opts(tc_in_fd(), &run) == 0, "test run of pw_tc_in");
  must(static_cast<int>(run.retval) == -1, "tc ingress returned a verdict of its own");
  return context_out.mark;
}

int KernelLab::tc_out(const Frame& frame) {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  run.data_in = frame.data();
  run.data_size_in = static_cast<__u32>(frame.size());
  must(bpf_prog_test_run_opts(bpf_program__fd(objects_->out->progs.pw_tc_out), &run) == 0,
       "test run of pw_tc_out");
  return static_cast<int>(run.retval);
}

void KernelTest::start(const LabOptions& options) {
  static std::shared_ptr<KernelLab> shared;
  if (options != LabOptions{}) {
    lab = std::make_shared<KernelLab>(options);
  } else {
    if (shared) {
      shared->reset();
    } else {
      shared = std::make_shared<KernelLab>();
    }
    lab = shared;
  }
  lab->set([](pw_settings& s) {
    s.hash_seed[0] = 0x0123456789abcdef;
    s.hash_seed[1] = 0xfedcba9876543210;
    s.unproven_per_s = 1000;
    s.request_budget = 4096;
    s.max_skip = 64 << 20;
    s.tag_mask = 0x000f0000;
    s.tag_shift = 16;
    s.ring_workers = 1;
    s.ring_groups = 1;
    s.enforcing = 1;
    s.ipv6_source_prefix = 64;
  });
  lab->port(11434, PW_PORT_LLM, PW_SERVICE_OLLAMA);
  lab->port(8000, PW_PORT_DECOY, PW_SERVICE_DECOY);
  lab->port(22, PW_PORT_SSH);
}

}  // namespace probewall::test
