// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "probewall/result.hpp"

namespace probewall {

/// A connected unix socket of `type` (SOCK_STREAM, SOCK_SEQPACKET); the caller closes it. Errors
/// have kUnreachable when nobody listens there and kPermission when it may not be opened.
Result<int> connect_unix(const std::string& path, int type);

/// Removes a socket file nobody listens on, so that its path can be bound. Error: somebody does, or
/// it is no socket.
Result<void> clear_stale_socket(const std::string& path);

}  // namespace probewall
