// SPDX-License-Identifier: Apache-2.0
// Requests that came before, byte for byte. Scanners send one request to every address and port,
// health checks the same one for ever: what it says is read once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/llm/classify.hpp"
#include "core/llm/fields.hpp"

namespace probewall {

/// Bounded: 256 requests of at most kMaxBytes. A request gets a place when it comes a second time, so
/// that a stream of different ones costs a hash each and pushes nothing out.
class RequestMemo {
 public:
  static constexpr std::size_t kMaxBytes = 1024;  ///< head and body

  struct Reading {
    std::uint64_t content = 0;  ///< number of these bytes, from 1; never used for others
    LlmFields llm;
    Classified kind;
  };

  /// What was read of a request whose head and body are these bytes; nullptr when it must be read.
  /// Valid until keep().
  const Reading* find(std::string_view head, std::string_view body);
  /// After find() gave nullptr: what these bytes say. The number they got, 0 for none.
  std::uint64_t keep(std::string_view head, std::string_view body, const LlmFields& llm,
                     Classified kind);

 private:
  static constexpr std::size_t kPlaces = 256;
  static constexpr std::size_t kSeen = 2048;
  struct Place {
    std::string head, body;
    Reading reading;
  };

  std::vector<Place> places_;  ///< kPlaces, by hash; empty until something repeats
  std::array<std::uint32_t, kSeen> seen_{};
  std::uint64_t hash_ = 0;  ///< of the last find()
  std::uint64_t contents_ = 0;
};

}  // namespace probewall
