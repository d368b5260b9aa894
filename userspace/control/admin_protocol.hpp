// SPDX-License-Identifier: Apache-2.0
// Messages of admin.sock: the operator's changes, spoken to the guard. SOCK_SEQPACKET, one fixed
// request, one or more fixed replies (the last has `more` == 0), then the next request, if any; it
// may be sent before. The guard trusts the peer's
// credentials (SO_PEERCRED: root or group probewall), never the content.
#pragma once

#include <cstdint>

#include "probewall/abi/common.h"

namespace probewall::admin {

inline constexpr std::uint32_t kMagic = 0x31415750;  // "PWA1"

enum class Op : std::uint32_t {
  kStatus = 1,
  kBanAdd,
  kBanDelete,
  kBanFlush,
  kBanList,
  kAllowAdd,
  kAllowDelete,
  kAllowList,
  kEnforceOn,
  kEnforceOff,
  kConfirm,
  kDetach,
  kWhy,
  kReload
};

/// Reply::action of the replies to kReload that come before the last: what `message` names.
enum class ReloadPart : std::uint8_t {
  kChanged = 1,  ///< a setting that took effect; "rules": the rule files
  kRestart,      ///< a changed setting that needs a restart
  kError         ///< a piece of the error's text; the last reply has its beginning only
};

struct Request {
  std::uint32_t magic = kMagic;
  std::uint32_t op = 0;           ///< Op
  std::uint8_t address[16] = {};  ///< mapped, as pw_addr
  std::uint32_t prefix_len = 0;   ///< in the address's own family
  std::uint32_t until_s = 0;  ///< kBanAdd: the end on CLOCK_BOOTTIME, instead of `seconds`; 0: none
  std::uint64_t seconds = 0;  ///< kBanAdd: duration, 0 for good; kEnforceOn: confirm within
  char reason[120] = {};      ///< printable UTF-8, NUL-terminated
};
static_assert(sizeof(Request) == 160);

struct Reply {
  std::uint32_t magic = kMagic;
  std::uint32_t exit_status = 0;  ///< ExitStatus
  std::uint32_t more = 0;         ///< 1: another reply follows
  std::uint32_t count = 0;        ///< entries changed, or of the whole list; kReload: rules
  std::uint8_t address[16] = {};  ///< list entry; kBanDelete: what still blocks it, kBanAdd: a
                                  ///< feed's entry that lasts longer, each if `action`
  std::uint32_t prefix_len = 0;
  std::uint32_t handle = 0;
  std::uint64_t seconds_left = 0;  ///< UINT64_MAX: for good
  std::uint8_t action = 0;         ///< pw_block_action; allow list: pw_allow_scope
  std::uint8_t origin = 0;         ///< pw_block_origin; allow list: pw_allow_reason
  std::uint8_t enforcing = 0;
  std::uint8_t pad[5] = {};
  char message[200] = {};
};
static_assert(sizeof(Reply) == 256);

}  // namespace probewall::admin
