// SPDX-License-Identifier: Apache-2.0
#include "capture_file/classic_pcap.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace probewall {
namespace {

constexpr std::size_t kRecordHeader = 16;
constexpr std::uint32_t kMaxCaptured = 262'144;  ///< libpcap's bound: more is a damaged length
constexpr std::size_t kBuffer = 512 * 1024;      ///< holds the largest record
constexpr std::size_t kChunk = 128 * 1024;       ///< stays in the second-level cache until judged

}  // namespace

void ClassicPcap::begin(int fd, const unsigned char (&magic)[4]) {
  fd_ = fd;
  std::uint32_t as_read = 0;
  std::memcpy(&as_read, magic, sizeof as_read);
  swapped_ = as_read != 0xa1b2c3d4u && as_read != 0xa1b23c4du && as_read != 0xa1b2cd34u;
  const std::uint32_t number = swapped_ ? __builtin_bswap32(as_read) : as_read;
  nanoseconds_ = number == 0xa1b23c4du;
  buffer_.resize(kBuffer);
  begin_ = end_ = 0;
}

std::uint32_t ClassicPcap::word(std::size_t at) const {
  std::uint32_t value = 0;
  std::memcpy(&value, buffer_.data() + begin_ + at, sizeof value);
  return swapped_ ? __builtin_bswap32(value) : value;
}

bool ClassicPcap::have(std::size_t bytes) {
  if (end_ - begin_ >= bytes) return true;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < bytes) {
    const ssize_t got = ::read(fd_, buffer_.data() + end_, std::min(kChunk, buffer_.size() - end_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failed_ = errno;
    if (got <= 0) return false;
    end_ += static_cast<std::size_t>(got);
  }
  return true;
}

ClassicPcap::Status ClassicPcap::next(Record& record) {
  if (!have(kRecordHeader)) {
    if (failed_ != 0) {
      why_ = std::strerror(failed_);
      return Status::kBroken;
    }
    if (end_ == begin_) return Status::kEnd;
    why_ = fmt::format("the file ends inside a record's header, {} of {} bytes are there",
                       end_ - begin_, kRecordHeader);
    return Status::kBroken;
  }
  record.seconds = word(0);
  record.nanoseconds = word(4);
  const std::uint32_t captured = word(8);
  record.wire_len = word(12);
  if (!nanoseconds_) {
    record.nanoseconds = record.nanoseconds < 1'000'000 ? record.nanoseconds * 1000 : 999'999'999;
  }
  if (captured > kMaxCaptured) {
    why_ = fmt::format("a record of {} bytes, more than {}", captured, kMaxCaptured);
    return Status::kBroken;
  }
  if (!have(kRecordHeader + captured)) {
    why_ = fmt::format("the file ends inside a packet, {} of {} bytes are there",
                       end_ - begin_ - kRecordHeader, captured);
    return Status::kBroken;
  }
  record.frame = ByteSpan{buffer_}.subspan(begin_ + kRecordHeader, captured);
  begin_ += kRecordHeader + captured;
  return Status::kRecord;
}

}  // namespace probewall
