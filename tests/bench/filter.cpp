// SPDX-License-Identifier: Apache-2.0
#include "bench/filter.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <utility>

namespace probewall::bench {
Result<Filter> Filter::open(const std::string& pin_directory, Config config) {
  Filter out;
  out.config_ = std::move(config);
  out.config_.paths.pin_directory = pin_directory;
  auto plane = Dataplane::open(out.config_);
  if (!plane) return tl::unexpected(plane.error());
  out.plane_ = std::move(*plane);
  const auto settings = settings_from(out.config_, std::nullopt);
  if (!settings) return tl::unexpected(settings.error());
  if (auto ok = out.plane_->set_settings(*settings); !ok) return tl::unexpected(ok.error());
  if (auto ok = out.plane_->set_ports(out.config_); !ok) return tl::unexpected(ok.error());
  // What a daemon never blocks on such a host: its addresses, the gateways, two name servers.
  pw_allow_entry allowed{};
  allowed.scope = PW_ALLOW_ALL;
  allowed.reason = PW_ALLOW_OWN_ADDRESS;
  for (const char* text : {"127.0.0.0/8", "192.0.2.1", "192.0.2.2", "198.51.100.53", "203.0.113.53",
                           "::1", "fe80::/64", "2001:db8:2::1", "2001:db8:2::2"}) {
    if (auto ok = out.plane_->allow_put(*IpPrefix::parse(text), allowed); !ok)
      return tl::unexpected(ok.error());
  }
  return out;
}

int program_on(const std::string& interface) {
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  bpf_xdp_query_opts found{};
  found.sz = sizeof found;
  if (index == 0 || bpf_xdp_query(index, 0, &found) != 0) return -1;
  for (const std::uint32_t id : {found.prog_id, found.drv_prog_id, found.skb_prog_id}) {
    if (id != 0) return bpf_prog_get_fd_by_id(id);
  }
  return -1;
}

}  // namespace probewall::bench
