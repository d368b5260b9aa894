// SPDX-License-Identifier: Apache-2.0
// What an outsider without a key got from a server.
#pragma once

#include <cstdint>
#include <string>

#include "core/llm/fields.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall {

/// From harmless to worst.
enum class Access : std::uint8_t {
  kNone,
  kInformation,
  kModels,
  kTools,
  kGeneration,
  kManagement,
  kCount
};
const char* to_string(Access access);  ///< "none", "information", "models"...

/// One answer that shows it.
struct Exposure {
  Timestamp time{};
  IpAddress server;
  std::uint16_t port = 0;
  Impl impl = Impl::kUnknown;
  Access access = Access::kNone;
  IpPrefix source;  ///< who was answered
  std::uint64_t request_id = 0;
  std::string method, path, model;  ///< from the wire, cut
  int status = 0;

  /// "POST /v1/chat/completions without a key from 203.0.113.9/32 was answered 200"
  std::string evidence() const;
};

/// How to close `impl` to strangers; one sentence.
const char* exposure_advice(Impl impl);

}  // namespace probewall
