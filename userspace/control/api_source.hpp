// SPDX-License-Identifier: Apache-2.0
// What the API server asks; the daemon answers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "control/api_types.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// Called from the server's threads, several at a time: implementations lock. Must not throw and
/// must not wait for the network. An Error is answered with 503.
class ApiSource {
 public:
  virtual ~ApiSource() = default;
  virtual Result<ApiStatus> status() = 0;
  virtual Result<ApiWhy> why(const IpAddress& ip) = 0;
  /// Bans after `after` in prefix order, at most `limit` (1..10000).
  virtual Result<ApiBans> bans(const std::optional<IpPrefix>& after, std::size_t limit) = 0;
  virtual Result<std::vector<ApiAllow>> allow() = 0;
  virtual Result<std::vector<ApiSourceRow>> sources(std::size_t limit) = 0;
  /// Exposed ones first.
  virtual Result<std::vector<ApiServerRow>> servers() = 0;
  virtual Result<std::string> config_toml() = 0;
  virtual std::string metrics_text() = 0;
};

}  // namespace probewall
