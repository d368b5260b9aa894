// SPDX-License-Identifier: Apache-2.0
// Messages between worker and guard, over a SOCK_SEQPACKET socket pair. Fixed size: the guard
// parses nothing that varies. All of it is hostile to the guard: the worker reads the network.
#pragma once

#include <cstddef>
#include <cstdint>

#include "probewall/abi/common.h"

namespace probewall::guard {

enum class WishType : std::uint32_t {
  kReady = 1,  ///< capabilities are given up, rings are read
  kBan,        ///< block or tag `prefix` for `seconds`
  kTag,        ///< mark a source above half the threshold
  kEndFlow,    ///< end one connection (limits.request_time)
  kHeartbeat,  ///< the worker's loop made progress
  kPrepared  ///< answer to kPrepare: `handle` as there, `seconds` rules; `action` 1: see the answer
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
  pw_flow_key flow = {};  ///< kEndFlow
};
static_assert(sizeof(Wish) == 80);

enum class NoteType : std::uint32_t {
  kGranted = 1,  ///< the table is written; time_ns says when (CLOCK_MONOTONIC)
  kRefused,      ///< `reason` says why
  kEnded,        ///< connections of `handle` were ended: `count`; UINT32_MAX: could not be
  kBanned,       ///< a change by someone else: operator, feed, fleet
  kUnbanned,     ///< removed; `reason`: kUnban...; `prefix_len` == kEveryPrefix: all of them
  kEnforcing,    ///< `count`: 1 on, 0 off
  kGauges,       ///< tables counted: `count` enforced entries, `handle` allow entries of `seconds`
  kAllowed,      ///< `prefix` is never blocked; `action`: pw_allow_scope, `origin`: pw_allow_reason
  kDisallowed,   ///< `prefix` left the allow set
  kRefusals,     ///< wishes refused since the start: `handle` is the Refusal, `count` how many
  kPrepare,      ///< make ready for new rules and settings; `handle`: serial. Two descriptors come
                 ///< along: a sealed boot document, and a memfd of kAnswerBytes for an error's text
  kCommit,       ///< use what was prepared under the serial `handle`
  kReloaded,   ///< a reload ended; `count` 1: success. One descriptor: a sealed text that says how
  kInterface,  ///< the boot document's interface `handle`; `count` 1: attached, 0: not filtered any
               ///< more; `action` 1: native; `reason`: AttachKind; `text`: why
  kTable,      ///< block table `handle` (BlockTableKind) holds `count` entries of `seconds`
  kStorage,    ///< `count` 1: the guard cannot store; `text`: why
  kRetelling   ///< `count` 1: all entries follow, as kBanned with kRestored; 0: those were all, and
               ///< what was not named since is gone
};

enum class Refusal : std::uint32_t {
  kNone = 0,
  kAllowed,
  kTooWide,
  kTooLong,
  kRate,
  kUnproven,
  kTableFull,
  kFailed,
  kObserve
};

inline constexpr std::uint32_t kUnbanOperator = 0, kUnbanExpired = 1, kUnbanFlushed = 2;
inline constexpr std::uint32_t kEveryPrefix = UINT32_MAX;
/// Note::seconds of an entry that never runs out, Note::count when connections could not be ended.
inline constexpr std::uint64_t kForGood = UINT64_MAX;
inline constexpr std::uint32_t kNotEnded = UINT32_MAX;

struct Note {
  std::uint32_t type = 0;  ///< NoteType
  std::uint32_t handle = 0;
  std::uint8_t address[16] = {};
  std::uint32_t prefix_len = 0;
  std::uint32_t reason = 0;  ///< Refusal, or as the type says
  std::uint64_t time_ns = 0;
  std::uint64_t seconds = 0;  ///< kBanned: left; UINT64_MAX: for good
  std::uint32_t count = 0;    ///< as the type says; of an entry: pw_block_entry::expires_s
  std::uint8_t origin = 0;    ///< pw_block_origin
  std::uint8_t action = 0;    ///< pw_block_action
  std::uint8_t pad[2] = {};
  char text[120] = {};  ///< kBanned: the operator's reason, printable, NUL-terminated
};
static_assert(sizeof(Note) == 176);

inline constexpr std::size_t kAnswerBytes = 2048;

/// Note::reason of kBanned: the entry was there before this worker started.
inline constexpr std::uint32_t kRestored = 1;

}  // namespace probewall::guard
