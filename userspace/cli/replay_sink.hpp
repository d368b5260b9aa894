// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "cli/replay.hpp"
#include "core/flow/kernel_twin.hpp"
#include "core/pipeline/pipeline.hpp"
#include "events/event_formatter.hpp"

namespace probewall {

/// Prints what the core finds and plays the guard: makes the bans, refuses those of allowed
/// sources.
class ReplaySink final : public PipelineSink {
 public:
  ReplaySink(const ReplayOptions& options, const TextOutput& out);
  /// The core and the twin are made after the sink; both must outlive its last call.
  void connect(Pipeline& pipeline, KernelTwin& twin);

  void on_request(const Request& request) override;
  void on_response(const Response& response) override;
  void on_detection(const Detection& detection, const Request& request) override;
  void on_decision(const Decision& decision, const Request& request) override;
  void on_suppressed(Suppressed reason, const IpPrefix& source) override;
  void on_exposure(const Exposure& exposure) override;
  void on_loss(Loss what, std::uint64_t count) override;
  void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) override;
  IpPrefix ban_target(const IpPrefix& source, const IpAddress& client) override;

  /// Losses that are not the core's: malformed packets and the like.
  void add_loss(std::string_view what, std::uint64_t count, Timestamp time);
  /// Prints the core's losses and the summary (or the totals of the table).
  void finish(const ReplaySummary& counted, Timestamp time);
  std::uint64_t requests() const { return requests_; }

 private:
  void print_table_row(const Decision& decision);

  const ReplayOptions& options_;
  const TextOutput& out_;
  EventFormatter format_;
  Pipeline* pipeline_ = nullptr;
  KernelTwin* twin_ = nullptr;
  std::uint64_t requests_ = 0, detections_ = 0, decisions_ = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Loss::kCount)> losses_{};
  std::array<std::uint64_t, static_cast<std::size_t>(Suppressed::kCount)> suppressed_{};
};

}  // namespace probewall
