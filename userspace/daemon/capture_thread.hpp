// SPDX-License-Identifier: Apache-2.0
// One thread that reads its rings and runs the core over them. A source always comes to the same
// thread: the kernel chooses the ring by its address.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/pipeline/pipeline.hpp"
#include "daemon/decision_desk.hpp"
#include "daemon/guard_mirror.hpp"
#include "daemon/recorder.hpp"
#include "dataplane/record_reader.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {

/// What all capture threads share; must outlive them.
struct CaptureContext {
  Recorder& recorder;
  DecisionDesk& desk;
  const GuardMirror& mirror;
  SkipWriter& skip;
  DecisionDesk::Send send;  ///< to the guard
};

class CaptureThread final : private PipelineSink {
 public:
  /// `make_reader` is called at once, while the thread of the caller still has its rights.
  using MakeReader = std::function<Result<std::unique_ptr<RecordReader>>(RecordReader::OnRecord,
                                                                         RecordReader::OnLost)>;
  static Result<std::unique_ptr<CaptureThread>> open(const MakeReader& make_reader);
  ~CaptureThread() override;

  /// Makes the pipeline. Before start().
  void prepare(const PipelineConfig& config, std::shared_ptr<const RuleSet> rules,
               CaptureContext context);
  void start();
  /// Ends the thread; what is half-read is given out.
  void stop();

  // Any thread. They wait for at most one batch of records.
  PipelineStats stats() const;
  SourceReport report(const IpPrefix& source) const;
  std::vector<SourceReport> top_sources(std::size_t n) const;
  std::vector<ServerReport> servers() const;
  std::vector<ServerAddress> exposed_servers() const;
  void restore_history(const IpPrefix& source, std::uint32_t bans, Timestamp last);
  void forget_ban(const IpPrefix& source);
  void refuse_ban(const IpPrefix& source);
  /// From the next record on; scores and history stay.
  void reconfigure(std::shared_ptr<const RuleSet> rules, const PolicyConfig& policy,
                   const std::vector<IpPrefix>& inside);

 private:
  explicit CaptureThread(UniqueFd wake) : wake_(std::move(wake)) {}
  void run();
  void on_record(ByteSpan record);
  void on_lost(std::uint64_t count);
  void tick();

  void on_request(const Request& request) override;
  void on_response(const Response& response) override;
  void on_detection(const Detection& detection, const Request& request) override;
  void on_decision(const Decision& decision, const Request& request) override;
  void on_suppressed(Suppressed reason, const IpPrefix& source) override;
  void on_exposure(const Exposure& exposure) override;
  void on_loss(Loss what, std::uint64_t count) override;
  void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) override;
  IpPrefix ban_target(const IpPrefix& source, const IpAddress& client) override {
    return context_->mirror.ban_target(source, client);
  }

  UniqueFd wake_;
  std::unique_ptr<RecordReader> reader_;
  std::optional<CaptureContext> context_;
  mutable std::mutex mutex_;  // the pipeline's
  std::unique_ptr<Pipeline> pipeline_;
  std::uint64_t read_ns_ = 0;  ///< when the running record, or tick, was taken up
  bool ticking_ = false;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace probewall
