// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace probewall {

/// Notices that clients' packets are seen and the servers' are not, as when these leave through an
/// interface that is not attached: no sender is proven then, so nothing is judged, and every
/// request looks fine. One thread.
class AnswerWatch {
 public:
  /// Kernel counters, of all interfaces together; they only grow.
  struct Totals {
    std::uint64_t syns = 0;      ///< to LLM and decoy ports
    std::uint64_t syn_acks = 0;  ///< from them
    std::uint64_t unproven = 0;  ///< payload packets without proof
  };
  /// So many of both, and not one SYN-ACK since. A client sends payload only after a SYN-ACK that
  /// went somewhere; a forger may send it anyhow, so this is a suspicion.
  static constexpr std::uint64_t kEnough = 5;

  void feed(const Totals& now) {
    if (!begun_ || now.syn_acks != since_.syn_acks) {
      begun_ = true;
      since_ = now;
    }
    missing_ = now.syns - since_.syns >= kEnough && now.unproven - since_.unproven >= kEnough;
  }
  bool missing() const { return missing_; }

 private:
  Totals since_;  ///< when the last SYN-ACK was counted
  bool begun_ = false;
  bool missing_ = false;
};

}  // namespace probewall
