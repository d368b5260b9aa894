// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "config/config.hpp"

namespace probewall {
namespace {

constexpr unsigned kRouteUp = 0x1;        // RTF_UP
constexpr unsigned kRouteReject = 0x200;  // RTF_REJECT

/// Columns of /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask ...
std::string default_v4() {
  std::ifstream in("/proc/net/route");
  std::string line, best;
  std::getline(in, line);
  unsigned long best_metric = std::numeric_limits<unsigned long>::max();
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name, destination, gateway, mask;
    unsigned flags = 0, references = 0, use = 0;
    unsigned long metric = 0;
    words >> name >> destination >> gateway >> std::hex >> flags >> std::dec >> references >> use >>
        metric >> mask;
    if (!words || destination != "00000000" || mask != "00000000") continue;
    if ((flags & kRouteUp) == 0 || (flags & kRouteReject) != 0 || metric >= best_metric) continue;
    best = name;
    best_metric = metric;
  }
  return best;
}

/// Columns of /proc/net/ipv6_route: dst len src len nexthop metric refcnt use flags dev, numbers in
/// hex.
std::string default_v6() {
  std::ifstream in("/proc/net/ipv6_route");
  std::string line, best;
  unsigned long best_metric = std::numeric_limits<unsigned long>::max();
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string destination, length, source, source_length, next_hop, references, use, name;
    unsigned long metric = 0, flags = 0;
    words >> destination >> length >> source >> source_length >> next_hop >> std::hex >> metric >>
        references >> use >> flags >> name;
    if (!words || length != "00" || name == "lo") continue;
    if ((flags & kRouteUp) == 0 || (flags & kRouteReject) != 0 || metric >= best_metric) continue;
    best = name;
    best_metric = metric;
  }
  return best;
}

}  // namespace

Result<std::string> default_route_interface() {
  std::string name = default_v4();
  if (name.empty()) name = default_v6();
  if (name.empty()) {
    return fail(ExitStatus::kConfigInvalid,
                "no interface is configured and there is no default route to take one from; set "
                "`interfaces`");
  }
  return name;
}

}  // namespace probewall
