// SPDX-License-Identifier: Apache-2.0
// Messages between worker and guard, over a SOCK_SEQPACKET socket pair. Fixed size: the guard
// parses nothing that varies. All of it is hostile to the guard: the worker reads the network.
#pragma once

#include <cstdint>

#include "probewall/abi/common.h"

namespace probewall::guard {

enum class WishType : std::uint32_t {
  kReady = 1,   ///< capabilities are given up, rings are read
  kBan,         ///< block or tag `prefix` for `seconds`
  kTag,         ///< mark a source above half the threshold
  kFeedBegin, kFeedEntry, kFeedEnd,  ///< canonical feed entries, replaced as one
  kEndFlow,     ///< end one connection (limits.request_time)
  kHeartbeat    ///< the worker's loop made progress
};

struct Wish {
  std::uint32_t type = 0;  ///< WishType
  std::uint32_t handle = 0;
  std::uint8_t address[16] = {};
  std::uint32_t prefix_len = 0;
  std::uint8_t action = 0;  ///< pw_block_action
  std::uint8_t proven = 0;
  std::uint8_t pad[2] = {};
  std::uint64_t seconds = 0;
  pw_flow_key flow = {};    ///< kEndFlow
};
static_assert(sizeof(Wish) == 80);

enum class NoteType : std::uint32_t {
  kGranted = 1,      ///< the table is written; time_ns says when (CLOCK_MONOTONIC)
  kRefused,          ///< `reason` says why
  kEnded,            ///< connections of `handle` were ended: `count`; UINT32_MAX: could not be
  kBanned,           ///< a change by someone else: operator, feed, fleet
  kUnbanned,         ///< removed; `reason`: 0 operator, 1 expired, 2 flushed
  kEnforcing,        ///< `count`: 1 on, 0 off
  kGauges            ///< tables counted: `count` enforced entries, `handle` allow entries
};

enum class Refusal : std::uint32_t { kNone = 0, kAllowed, kTooWide, kTooLong, kRate, kUnproven, kTableFull, kFailed, kObserve };

struct Note {
  std::uint32_t type = 0;    ///< NoteType
  std::uint32_t handle = 0;
  std::uint8_t address[16] = {};
  std::uint32_t prefix_len = 0;
  std::uint32_t reason = 0;  ///< Refusal, or as the type says
  std::uint64_t time_ns = 0;
  std::uint64_t seconds = 0; ///< kBanned: left; UINT64_MAX: for good
  std::uint32_t count = 0;
  std::uint8_t origin = 0;   ///< pw_block_origin
  std::uint8_t action = 0;   ///< pw_block_action
  std::uint8_t pad[2] = {};
};
static_assert(sizeof(Note) == 56);

}  // namespace probewall::guard
