// SPDX-License-Identifier: Apache-2.0
// Records of a classic pcap file, read in large pieces and given out where they lie.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "probewall/bytes.hpp"

namespace probewall {

/// What libpcap does for classic pcap files, without a call and a copy for each packet.
class ClassicPcap {
 public:
  enum class Status : std::uint8_t { kRecord, kEnd, kBroken };
  struct Record {
    std::uint32_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    std::uint32_t wire_len = 0;  ///< as the file says it
    ByteSpan frame;              ///< valid until the next call of next()
  };

  /// `fd` stands behind the file header, whose first four bytes were `magic`; it stays the
  /// caller's.
  void begin(int fd, const unsigned char (&magic)[4]);
  /// kBroken: why() says how; no record follows.
  Status next(Record& record);
  const std::string& why() const { return why_; }

 private:
  bool have(std::size_t bytes);  ///< reads on until so many bytes are there
  std::uint32_t word(std::size_t at) const;

  int fd_ = -1;
  int failed_ = 0;  ///< errno of a failed read
  bool swapped_ = false;
  bool nanoseconds_ = false;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;  ///< of what is read and not given out
  std::string why_;
};

}  // namespace probewall
