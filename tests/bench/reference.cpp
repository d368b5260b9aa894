// SPDX-License-Identifier: Apache-2.0
#include "bench/reference.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/stat.h>

#include <cerrno>

#include "bench/fill.hpp"
#include "support/reference_block_table.hpp"
#include "xdp_reference.skel.h"

namespace probewall::bench {

Result<Reference> Reference::open(const std::string& pin_directory, Filter& like,
                                  const Content& content) {
  const std::string versioned = pin_directory + "/v" + std::to_string(PW_ABI_VERSION);
  if (mkdir(versioned.c_str(), 0700) != 0) return fail(errno, "mkdir " + versioned);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.pin_root_path = versioned.c_str();
  auto* skeleton = xdp_reference_bpf__open_opts(&options);
  if (skeleton == nullptr) return fail(errno, "open the reference program");
  Reference out;
  out.object_ = {skeleton->obj, [skeleton](bpf_object*) { xdp_reference_bpf__destroy(skeleton); }};
  if (xdp_reference_bpf__load(skeleton) != 0) return fail(errno, "load the reference program");

  const auto settings = like.plane().settings();
  if (!settings) return tl::unexpected(settings.error());
  const std::uint32_t zero = 0;
  bpf_map_update_elem(bpf_map__fd(skeleton->maps.pw_settings), &zero, &*settings, BPF_ANY);
  for (const std::uint32_t number : like.config().ports) {
    pw_port port{};
    port.flags = PW_PORT_LLM;
    bpf_map_update_elem(bpf_map__fd(skeleton->maps.pw_ports), &number, &port, BPF_ANY);
  }
  auto table = ReferenceBlockTable::open(pin_directory, false);
  if (!table) return tl::unexpected(table.error());
  if (auto filled = fill_table(*table, content); !filled) return tl::unexpected(filled.error());
  return out;
}

int Reference::program() const {
  return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "pw_xdp"));
}

}  // namespace probewall::bench
