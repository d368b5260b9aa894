// SPDX-License-Identifier: Apache-2.0
// Reads capture files (pcap and pcapng, through libpcap) packet by packet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/decode/packet.hpp"
#include "probewall/bytes.hpp"
#include "probewall/result.hpp"
#include "probewall/time.hpp"

namespace probewall {

struct CapturedPacket {
  Timestamp time{};            ///< Unix time
  ByteSpan frame;              ///< valid until the next call of next()
  std::uint32_t wire_len = 0;  ///< at least frame.size()
};

enum class ReadStatus : std::uint8_t { kPacket, kEnd, kBroken };

class CaptureReader {
 public:
  /// `path`: a file, or "-" for standard input. Error: cannot be opened, not a capture file, or a
  /// link type we cannot read; one line that names the file.
  static Result<CaptureReader> open(const std::string& path);
  CaptureReader(CaptureReader&&) noexcept;
  CaptureReader& operator=(CaptureReader&&) noexcept;
  ~CaptureReader();

  LinkType link() const;
  /// kBroken: the file is cut or corrupt from offset() on; error() says how. No packet follows.
  ReadStatus next(CapturedPacket& packet);
  /// One line: file, byte offset of the record that could not be read, and what was wrong.
  std::string error() const;
  /// Byte offset of the record next() reads next, or could not read.
  std::uint64_t offset() const;

 private:
  struct State;
  explicit CaptureReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace probewall
