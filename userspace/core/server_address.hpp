// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "probewall/ip.hpp"

namespace probewall {

/// Where a server behind us listens; the port in host order.
struct ServerAddress {
  IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(const ServerAddress&) const = default;
};

}  // namespace probewall

template <>
struct std::hash<probewall::ServerAddress> {
  using is_avalanching = void;
  std::size_t operator()(const probewall::ServerAddress& s) const noexcept {
    return probewall::hash_address(s.address, s.port);
  }
};
