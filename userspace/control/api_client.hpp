// SPDX-License-Identifier: Apache-2.0
// The CLI's side of control.sock.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "probewall/result.hpp"

namespace probewall {

class ApiClient {
 public:
  explicit ApiClient(std::string socket_path) : path_(std::move(socket_path)) {}

  /// Body of `GET target`. Errors: kUnreachable when nobody listens, kPermission when the socket
  /// may not be opened, kFailed with the server's own words for an error answer.
  Result<std::string> get(const std::string& target) const;
  /// Calls `on_line` for every line as it arrives; false from it ends the stream.
  Result<void> stream(const std::string& target,
                      const std::function<bool(std::string_view)>& on_line) const;

 private:
  std::string path_;
};

}  // namespace probewall
