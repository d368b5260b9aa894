// SPDX-License-Identifier: Apache-2.0
// Label values of the enumerators of include/probewall/abi. Each table has exactly COUNT entries.
#pragma once

#include <array>

#include "metrics/metrics.hpp"
#include "probewall/abi/counters.h"
#include "probewall/abi/maps.h"

namespace probewall::metrics {

extern const std::array<const char*, PW_VERDICT_COUNT> kVerdicts;
extern const std::array<const char*, PW_FAMILY_COUNT> kFamilies;
extern const std::array<const char*, PW_PARSE_COUNT> kParseLayers;
extern const std::array<const char*, PW_SERVICE_COUNT> kServices;
extern const std::array<const char*, PW_RECORD_TYPE_COUNT> kRecordTypes;  ///< [0] is no type
extern const std::array<const char*, PW_EVENT_COUNT> kKernelEvents;
extern const std::array<const char*, PW_ORIGIN_COUNT> kOrigins;
extern const std::array<const char*, static_cast<std::size_t>(UnbanReason::kCount)> kUnbanReasons;
extern const std::array<const char*, static_cast<std::size_t>(MapName::kCount)> kMaps;
extern const std::array<const char*, static_cast<std::size_t>(EventOutput::kCount)> kOutputs;
inline constexpr std::array<const char*, 6> kCodeClasses{"1xx", "2xx", "3xx",
                                                         "4xx", "5xx", "other"};
inline constexpr std::array<const char*, 8> kRefusals{
    "allowed", "too_wide", "too_long", "rate", "unproven", "observe", "table_full", "failed"};

}  // namespace probewall::metrics
