// SPDX-License-Identifier: Apache-2.0
// Values the core hands out. No view in them points into captured bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/request_head.hpp"
#include "core/llm/fields.hpp"
#include "core/servers/exposure.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall {

/// One reconstructed request, given out once, when head and body prefix are there (or the cap, the
/// end of the connection or limits.request_time was reached).
struct Request {
  std::uint64_t id = 0;     ///< unique within a run, from 1
  Timestamp time{};         ///< packet that carried the last byte this request needed
  Timestamp proven_time{};  ///< packet that proved it; equal to `time` with quick proof
  FlowKey flow;
  IpPrefix source;  ///< source_of(flow.client, ipv6_prefix)
  RequestHead head;
  std::string body_prefix;  ///< at most PipelineConfig::bytes_per_request minus the head, chunk
                            ///< framing removed
  LlmFields llm;
  Api api = Api::kNone;
  Impl impl = Impl::kUnknown;  ///< product whose own path or format this is
  /// Requests of the same number have the same head and body, byte for byte; 0: not known.
  std::uint64_t content = 0;
  bool proven = false;
  bool truncated = false;     ///< the cap cut head or body
  bool head_complete = true;  ///< false: cut or abandoned inside the head
  bool timed_out = false;     ///< limits.request_time reached before it was complete
  bool conflicting =
      false;                ///< segments disagreed about its bytes: counted and shown, never scored
  bool after_gap = false;   ///< first request after uncaptured bytes
  bool decoy = false;       ///< sent to a decoy port
  bool over_limit = false;  ///< its announced body is larger than limits.body_bytes
  bool pipelined = false;   ///< began in the packet that began or ended the one before it
  std::uint32_t index_on_flow = 0;  ///< 0 for the first request of its connection
  std::uint8_t service = 0;         ///< enum pw_service of the port, for metrics
};

/// First bytes of one answer.
struct Response {
  std::uint64_t request_id = 0;
  Timestamp time{};
  FlowKey flow;
  IpPrefix source;
  int status = 0;  ///< 100..599
  Impl impl = Impl::kUnknown;
  std::string head_and_body_prefix;  ///< at most 1 KiB
  std::uint32_t bytes = 0;           ///< bytes of the answer seen when this was written
  std::uint8_t service = 0;
};

/// DESIGN.md section 1; values are the wire numbers.
enum class Aim : std::uint8_t {
  kEndpointDiscovery = 1,
  kFingerprinting,
  kOpenAccess,
  kComputeTheft,
  kDataOrAction,
  kMalwareBackend
};

/// Views into the rule set that made it: copy what shall outlive a change of the rules.
struct Detection {
  std::string_view rule;
  std::span<const Aim> aims;
  double points = 0;
  std::uint64_t request_id = 0;
  bool shadow = false;  ///< shown, adds nothing
};

enum class Action : std::uint8_t { kBlock, kRateLimit, kTag, kObserve };
const char* to_string(Action a);  ///< "block", "rate-limit", "tag", "observe"

struct Reason {
  std::string rule;
  double points = 0;
};

/// What policy wants done about a source.
struct Decision {
  std::string id;            ///< 26 characters, time-ordered
  std::uint32_t handle = 0;  ///< in the kernel's block entry; 0: none
  IpPrefix source;           ///< whom it concerns
  IpPrefix scored;  ///< the source judged; wider than `source` when that holds allowed addresses
  Action action = Action::kBlock;
  Timestamp time{};     ///< of the deciding request's proof
  Duration duration{};  ///< ban length
  double score = 0;
  std::vector<Reason> reasons;  ///< rules with their points, largest first
  std::vector<Aim> aims;
  std::uint64_t requests_seen = 0;
  bool proven = true;
  std::uint32_t level = 1;  ///< 1 for the first ban, grows with repetition
  std::uint64_t request_id = 0;
};

/// Why a ban that the score asked for was not made; label values of bans_suppressed_total.
enum class Suppressed : std::uint8_t {
  kUnproven,
  kAllowed,
  kObserve,
  kRate,
  kTooWide,
  kTableFull,
  kCount
};
const char* to_string(Suppressed s);

/// Losses and odd input seen by the core; label values of metrics.
enum class Loss : std::uint8_t {
  kMalformedRecord,  ///< a record that is not what it claims
  kFlowEvictedCapacity,
  kFlowEvictedTimeout,
  kSegmentDropped,      ///< out-of-order or unproven segment over the flow's bound
  kUnprovenBytes,       ///< bytes that never got proof
  kConflictingOverlap,  ///< overlap with different bytes
  kInvalidHead,         ///< not an HTTP request head
  kGapBytes,            ///< request bytes the kernel did not capture
  kSourceEvicted,       ///< source history over its bound
  kOutsideWindow,       ///< bytes before the anchor or too far ahead
  kTls,                 ///< connection opens with a TLS record: nothing to read
  kHttp2,               ///< HTTP/2 that could not be read: lost, damaged or over a bound
  kResponseUnmatched,
  kServerEvicted,  ///< what a server taught, over its bound
  kCount
};
const char* to_string(Loss l);

/// Where the core's output goes. Called synchronously, from the thread that feeds the pipeline.
class PipelineSink {
 public:
  virtual ~PipelineSink() = default;
  virtual void on_request(const Request& request) = 0;
  virtual void on_response(const Response& response) = 0;
  virtual void on_detection(const Detection& detection, const Request& request) = 0;
  virtual void on_decision(const Decision& decision, const Request& request) = 0;
  virtual void on_suppressed(Suppressed reason, const IpPrefix& source) = 0;
  /// A server answers outsiders without a key; told when it begins, gets worse, and once a day.
  virtual void on_exposure(const Exposure&) {}
  virtual void on_loss(Loss what, std::uint64_t count) = 0;
  /// The kernel may skip capture up to `resume` on this flow (abi/records.h, PW_SKIP_WORD).
  virtual void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) = 0;
  /// Asked when a ban of `source` is due: whom to ban. `source`, or the part of it around `client`
  /// (an address of it) when something else in `source` must never be blocked.
  virtual IpPrefix ban_target(const IpPrefix& source, const IpAddress& client) {
    static_cast<void>(client);
    return source;
  }
};

}  // namespace probewall
