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
  kPrompts,  ///< other people's questions
  kGeneration,
  kManagement,
  kCount
};
const char* to_string(Access access);  ///< "none", "information", "models"...

/// What the outsider showed.
enum class KeyShown : std::uint8_t {
  kNone,
  kWellKnown,  ///< one that stands in manuals
  kAny         ///< the last of several different ones, all let in
};

/// One answer that shows it.
struct Exposure {
  Timestamp time{};
  IpAddress server;
  std::uint16_t port = 0;
  Impl impl = Impl::kUnknown;
  Access access = Access::kNone;
  KeyShown key = KeyShown::kNone;
  IpPrefix source;  ///< who was answered
  std::uint64_t request_id = 0;
  std::string method, path, model;  ///< from the wire, cut
  int status = 0;

  /// "POST /v1/chat/completions without a key from 203.0.113.9/32 was answered 200"
  std::string evidence() const;
};

/// How to close `impl` to strangers, or what they got of it; one sentence.
const char* exposure_advice(Impl impl, Access access);

}  // namespace probewall
