// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/decode/packet.hpp"
#include "probewall/abi/maps.h"

namespace probewall {

/// Which way a captured packet went. The kernel knows it from the hook; a capture file does not
/// say.
enum class Direction : std::uint8_t { kFromClient, kFromServer, kNotOurs };

/// By port where exactly one end's port is a judged one. Where both are (a client's ephemeral port
/// may be one, and with every port judged all are): who sent the SYN, else whose payload begins
/// with a request line. Memory is fixed; a connection whose slot was taken over is guessed again:
/// that takes four newer connections in its bucket.
class Orientation {
 public:
  /// `ports`: 65536 entries; must outlive this. `all`: every port is judged.
  Orientation(const std::vector<pw_port>& ports, bool all);
  /// `packet` must be TCP.
  Direction of(const PacketView& packet);

 private:
  struct Slot {
    std::uint64_t tag = 0;
    bool client_is_low = false;
    bool from_handshake = false;
  };
  /// Newest first. One cache line.
  struct alignas(64) Bucket {
    std::array<Slot, 4> slots;
  };
  Direction of_ambiguous(const PacketView& packet);

  const std::vector<pw_port>& ports_;
  bool all_;
  std::vector<Bucket> buckets_;
};

}  // namespace probewall
