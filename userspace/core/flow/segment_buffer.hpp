// SPDX-License-Identifier: Apache-2.0
// TCP segments that wait: for the bytes before them, or for proof.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/flow/request_stream.hpp"
#include "probewall/abi/records.h"
#include "probewall/bytes.hpp"

namespace probewall {

/// One captured segment. `bytes()` may be fewer than the segment had (`wire_len`).
struct Segment {
  std::uint32_t seq = 0;
  std::uint32_t wire_len = 0;
  std::uint32_t ack = 0;
  std::uint32_t isn1 = 0;      ///< with `anchored`
  std::uint32_t acked_to = 0;  ///< held: with `acked`, how far the server's ACKs came from `seq` on
  std::uint16_t flags = 0;     ///< enum pw_record_flag
  bool anchored = false;
  bool acked = false;
  ByteOrigin origin;
  std::string_view borrowed;  ///< bytes in the record, while `owns` is false
  std::string copy;
  std::uint32_t copy_start = 0;  ///< first byte of `copy` that counts
  bool owns = false;

  std::string_view bytes() const {
    return owns ? std::string_view{copy}.substr(copy_start) : borrowed;
  }
  std::uint32_t end() const { return seq + wire_len; }
  std::uint32_t captured_end() const { return seq + static_cast<std::uint32_t>(bytes().size()); }
  bool has(unsigned flag) const { return (flags & flag) != 0; }
  /// Drops `n` bytes from the front.
  void trim_front(std::uint32_t n);
  /// The same segment owning its bytes.
  Segment owned() const;
};

/// What a flow may keep waiting, each of the two kinds.
inline constexpr std::size_t kMaxWaitingSegments = 16;
inline constexpr std::size_t kMaxWaitingBytes = 16 * 1024;

/// Proven segments ahead of the stream, by sequence, without overlap: the first copy of a byte
/// wins.
class ReadyBuffer {
 public:
  /// Adds what is not there yet. Returns true when it disagrees with bytes already there; `lo`,
  /// `hi` then bound the disagreement.
  bool insert(const Segment& segment, std::uint32_t& lo, std::uint32_t& hi);
  bool empty() const { return segments_.empty(); }
  std::size_t size() const { return segments_.size(); }
  bool over_bound() const {
    return segments_.size() > kMaxWaitingSegments || bytes_ > kMaxWaitingBytes;
  }
  Segment& front() { return segments_.front(); }
  Segment& at(std::size_t i) { return segments_[i]; }
  Segment take_front();
  void clear();

 private:
  void put(const Segment& segment);
  std::vector<Segment> segments_;
  std::size_t bytes_ = 0;
};

/// The server's acknowledgment as PW_RECORD_ACK tells it.
struct ServerAck {
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t prev_ack = 0;
  Timestamp time{};
};

/// Unproven segments in order of arrival.
class HeldBuffer {
 public:
  enum class Added : std::uint8_t { kYes, kDuplicate, kFull };
  Added add(const Segment& segment);
  /// Moves the segments that `ack` proves into `proven`, by sequence (prototypes.md, part 1, rule
  /// 3). `contiguous`: proven bytes reach up to there; null when unknown.
  void prove(const ServerAck& ack, const std::uint32_t* contiguous, std::vector<Segment>& proven);
  bool empty() const { return segments_.empty(); }
  std::size_t bytes() const { return bytes_; }
  Timestamp oldest() const { return segments_.front().origin.time; }
  /// Forgets segments older than `limit`; returns how many bytes.
  std::size_t drop_older(Timestamp limit);
  std::size_t clear();

 private:
  std::vector<Segment> segments_;
  std::size_t bytes_ = 0;
};

}  // namespace probewall
