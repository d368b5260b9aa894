// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/decode/packet.hpp"
#include "probewall/abi/maps.h"
#include "probewall/large_pages.hpp"

namespace probewall {

/// Which way a captured packet went. The kernel knows it from the hook; a capture file does not
/// say.
enum class Direction : std::uint8_t { kFromClient, kFromServer, kNotOurs };

/// By port where exactly one end's port is a judged one. Where both are (a client's ephemeral port
/// may be one, and with every port judged all are): who sent the SYN, else whose payload begins
/// with a request line. Memory is fixed; a connection whose slot was taken over is guessed again.
class Orientation {
 public:
  /// `ports`: 65536 entries. `all`: every port is judged.
  Orientation(const std::vector<pw_port>& ports, bool all);
  /// `packet` must be TCP.
  Direction of(const PacketView& packet);

 private:
  struct Slot {
    std::uint64_t tag = 0;   ///< 0: empty
    std::uint32_t used = 0;  ///< value of clock_ when it was last looked up
    bool client_is_low = false;
    bool from_handshake = false;
  };
  /// The connection's slot, or the one of its set that was used longest ago.
  Slot& slot_for(std::uint64_t hash, std::uint64_t tag);
  Direction of_ambiguous(const PacketView& packet);

  bool judged(std::uint16_t port) const { return judged_[port / 64] >> port % 64 & 1; }

  std::array<std::uint64_t, 65536 / 64> judged_{};  ///< a bit per port: stays in the cache
  std::vector<Slot, LargePages<Slot>> slots_;
  std::uint32_t clock_ = 0;
};

}  // namespace probewall
