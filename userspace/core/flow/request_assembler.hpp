// SPDX-License-Identifier: Apache-2.0
// Records -> bounded reassembly of proven bytes -> requests and answers. Pure.
#pragma once

#include <cstdint>
#include <memory>

#include "core/events.hpp"
#include "probewall/bytes.hpp"
#include "probewall/time.hpp"

namespace probewall {

struct AssemblerConfig {
  std::uint32_t bytes_per_request = 4096;
  std::uint64_t limit_body_bytes = 64ull << 20;
  Duration request_time = std::chrono::seconds{60};
  Duration flow_idle = std::chrono::minutes{10};
  std::uint32_t max_flows = 65536;
  unsigned ipv6_prefix = 64;
  bool require_proof = true;
  std::array<std::uint8_t, 16> key_hash_secret{};
};

/// Receives what the assembler finds, synchronously and in order.
class AssemblerSink {
 public:
  virtual ~AssemblerSink() = default;
  /// Once per request, when its bytes are complete and proven (time, proven_time), or when they
  /// never will be: with require_proof a request whose bytes stay unproven is not given out, its
  /// bytes are counted as Loss::kUnprovenBytes; without, it is given out with proven = false.
  virtual void on_request(Request&& request) = 0;
  virtual void on_response(Response&& response) = 0;
  virtual void on_loss(Loss what, std::uint64_t count) = 0;
  virtual void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) = 0;
};

class RequestAssembler {
 public:
  RequestAssembler(const AssemblerConfig& config, AssemblerSink& sink);
  ~RequestAssembler();
  RequestAssembler(const RequestAssembler&) = delete;
  RequestAssembler& operator=(const RequestAssembler&) = delete;

  void on_record(ByteSpan record);
  void on_tick(Timestamp now);
  void finish(Timestamp now);
  std::uint64_t flows_active() const;
  std::uint64_t flows_total() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace probewall
