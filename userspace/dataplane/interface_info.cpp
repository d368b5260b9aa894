// SPDX-License-Identifier: Apache-2.0
#include "dataplane/interface_info.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

/// An ioctl on any socket asks about this network namespace; sysfs shows that of whoever mounted
/// it.
bool ask(const std::string& interface, unsigned long request, ifreq& ifr) {
  const UniqueFd fd{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::memcpy(ifr.ifr_name, interface.c_str(),
              std::min<std::size_t>(interface.size(), IFNAMSIZ - 1));
  return fd && ioctl(fd.get(), request, &ifr) == 0;
}

}  // namespace

std::string driver_of(const std::string& interface) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq ifr{};
  ifr.ifr_data = reinterpret_cast<char*>(&info);
  if (!ask(interface, SIOCETHTOOL, ifr)) return {};
  return {info.driver, strnlen(info.driver, sizeof info.driver)};
}

unsigned mtu_of(const std::string& interface) {
  ifreq ifr{};
  return ask(interface, SIOCGIFMTU, ifr) ? static_cast<unsigned>(ifr.ifr_mtu) : 0;
}

std::vector<Interface> all_interfaces() {
  std::vector<Interface> out;
  struct if_nameindex* list = if_nameindex();
  for (auto* i = list; i != nullptr && i->if_index != 0; ++i)
    out.push_back({i->if_index, i->if_name});
  if_freenameindex(list);
  return out;
}

Result<unsigned> interface_index(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) {
    return fail(ExitStatus::kFailed,
                "no interface \"" + interface + "\" here: `ip link` lists those there are");
  }
  return index;
}

}  // namespace probewall
