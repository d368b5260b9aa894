// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Every address of every interface of this network namespace, IPv4 and IPv6.
Result<std::vector<IpAddress>> local_addresses();
/// Next hops of the default routes, in all tables.
Result<std::vector<IpAddress>> default_gateways();
/// `nameserver` lines of a resolv.conf text; a zone after % is cut, anything else is passed over.
std::vector<IpAddress> nameservers_in(std::string_view text);

}  // namespace probewall
