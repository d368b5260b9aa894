// SPDX-License-Identifier: Apache-2.0
#include "bench/filter.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "bench/lists.hpp"

namespace probewall::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A ban as the detector makes it: it expires, so its time is compared on every hit.
pw_block_entry ban(std::uint8_t length) {
  pw_block_entry entry{};
  entry.expires_s = boottime_seconds() + 86400;
  entry.handle = 1;
  entry.action = PW_ACTION_DROP;
  entry.prefix_len = length;
  return entry;
}

template <typename Range>
Result<void> put_all(BlockTable& table, const Range& prefixes) {
  for (const auto& item : prefixes) {
    const IpPrefix prefix = [&] {
      if constexpr (requires { item.length; }) {
        return item;
      } else {
        return IpPrefix{item, static_cast<std::uint8_t>(item.is_v4() ? 32 : 128)};
      }
    }();
    if (auto ok = table.put(prefix, ban(prefix.length)); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<Filter> Filter::open(const std::string& pin_directory, XdpMode mode) {
  Filter out;
  out.config_.paths.pin_directory = pin_directory;
  out.config_.xdp.mode = mode;
  auto plane = Dataplane::open(out.config_);
  if (!plane) return tl::unexpected(plane.error());
  out.plane_ = std::move(*plane);
  const auto settings = settings_from(out.config_, std::nullopt);
  if (!settings) return tl::unexpected(settings.error());
  if (auto ok = out.plane_->set_settings(*settings); !ok) return tl::unexpected(ok.error());
  if (auto ok = out.plane_->set_ports(out.config_); !ok) return tl::unexpected(ok.error());
  return out;
}

Result<FillTimes> Filter::fill(const Content& content) {
  FillTimes times;
  BlockTable& table = plane_->blocks();
  const auto v4 = blocked_v4(content.v4), v6 = blocked_v6(content.v6);
  const auto p4 = prefixes_v4(content.prefixes), p6 = prefixes_v6(content.prefixes);
  auto start = Clock::now();
  if (auto ok = put_all(table, v4); !ok) return tl::unexpected(ok.error());
  if (auto ok = put_all(table, v6); !ok) return tl::unexpected(ok.error());
  times.addresses_s = seconds_since(start);
  start = Clock::now();
  if (auto ok = put_all(table, p4); !ok) return tl::unexpected(ok.error());
  if (auto ok = put_all(table, p6); !ok) return tl::unexpected(ok.error());
  times.prefixes_s = seconds_since(start);

  std::array<double, 101> adds{};
  const auto extra = *IpAddress::parse("198.18.1.1");
  for (double& add : adds) {
    start = Clock::now();
    if (auto ok = table.put({extra, 32}, ban(32)); !ok) return tl::unexpected(ok.error());
    add = seconds_since(start) * 1e6;
    if (auto ok = table.remove({extra, 32}); !ok) return tl::unexpected(ok.error());
  }
  std::nth_element(adds.begin(), adds.begin() + adds.size() / 2, adds.end());
  times.one_add_us = adds[adds.size() / 2];
  return times;
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
