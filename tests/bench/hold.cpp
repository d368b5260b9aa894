// SPDX-License-Identifier: Apache-2.0
#include "bench/hold.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "bench/filter.hpp"
#include "bench/world.hpp"
#include "drop.skel.h"
#include "parse_only.skel.h"

namespace probewall::bench {
namespace {

void wait_for_end() {
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

template <typename Skeleton>
using Owned = std::unique_ptr<Skeleton, void (*)(Skeleton*)>;

Result<void> hold_program(const HoldOptions& options, int program) {
  const int index = static_cast<int>(if_nametoindex(options.interface.c_str()));
  const auto flags = options.mode == XdpMode::kGeneric ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  if (const int error = bpf_xdp_attach(index, program, flags, nullptr); error != 0)
    return fail(-error, "attach to " + options.interface);
  fmt::print("{{\"ready\": true}}\n");
  wait_for_end();
  return {};
}

Result<void> hold_ours(const HoldOptions& options) {
  const auto pins = new_pin_directory();
  if (!pins) return tl::unexpected(pins.error());
  Config config;
  config.xdp.mode = options.mode;
  auto filter = Filter::open(*pins, config);
  if (!filter) return tl::unexpected(filter.error());
  const auto times = filter->fill(options.content);
  if (!times) return tl::unexpected(times.error());
  const auto report = filter->attach(options.interface);
  if (!report) return tl::unexpected(report.error());
  fmt::print("{{\"ready\": true, \"native\": {}, \"fill_s\": {:.3f}}}\n", report->native,
             times->v4_s + times->v6_s + times->prefixes_s);
  wait_for_end();
  return {};
}

}  // namespace

Result<void> hold(const HoldOptions& options) {
  if (auto ok = enter_own_world(true); !ok) return ok;
  if (options.program == "ours") return hold_ours(options);
  if (options.program == "drop") {
    const Owned<drop_bpf> drop{drop_bpf__open_and_load(), drop_bpf__destroy};
    if (!drop) return fail(errno, "load the empty program");
    return hold_program(options, bpf_program__fd(drop->progs.pw_drop));
  }
  const Owned<parse_only_bpf> parse{parse_only_bpf__open_and_load(), parse_only_bpf__destroy};
  if (!parse) return fail(errno, "load the parsing program");
  return hold_program(options, bpf_program__fd(parse->progs.pw_parse_only));
}

}  // namespace probewall::bench
