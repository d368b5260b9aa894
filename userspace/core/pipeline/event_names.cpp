// SPDX-License-Identifier: Apache-2.0
// Names of the core's enums, as events and metric labels spell them.
#include "core/events.hpp"

namespace probewall {

const char* to_string(Action a) {
  switch (a) {
    case Action::kBlock:
      return "block";
    case Action::kRateLimit:
      return "rate-limit";
    case Action::kTag:
      return "tag";
    case Action::kObserve:
      return "observe";
  }
  return "unknown";
}

const char* to_string(Suppressed s) {
  switch (s) {
    case Suppressed::kUnproven:
      return "unproven";
    case Suppressed::kAllowed:
      return "allowed";
    case Suppressed::kObserve:
      return "observe";
    case Suppressed::kRate:
      return "rate";
    case Suppressed::kTooWide:
      return "too_wide";
    case Suppressed::kTableFull:
      return "table_full";
    case Suppressed::kCount:
      break;
  }
  return "unknown";
}

const char* to_string(Loss l) {
  switch (l) {
    case Loss::kMalformedRecord:
      return "malformed_record";
    case Loss::kFlowEvictedCapacity:
      return "flow_evicted_capacity";
    case Loss::kFlowEvictedTimeout:
      return "flow_evicted_timeout";
    case Loss::kSegmentDropped:
      return "segment_dropped";
    case Loss::kUnprovenBytes:
      return "unproven_bytes";
    case Loss::kConflictingOverlap:
      return "conflicting_overlap";
    case Loss::kInvalidHead:
      return "invalid_head";
    case Loss::kGapBytes:
      return "gap_bytes";
    case Loss::kSourceEvicted:
      return "source_evicted";
    case Loss::kOutsideWindow:
      return "outside_window";
    case Loss::kTls:
      return "tls";
    case Loss::kHttp2:
      return "http2";
    case Loss::kResponseUnmatched:
      return "response_unmatched";
    case Loss::kServerEvicted:
      return "server_evicted";
    case Loss::kCount:
      break;
  }
  return "unknown";
}

}  // namespace probewall
