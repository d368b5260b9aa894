// SPDX-License-Identifier: Apache-2.0
// cpp-httplib bounds a header line but neither their number nor the time all of them take; this
// stream does: a request has so many bytes and so much time, then it reads as closed.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <string>

namespace probewall {

class BoundedStream final : public httplib::Stream {
 public:
  static constexpr std::size_t kMaxRequest = 16384;
  static constexpr std::chrono::seconds kRequestTime{5};
  static constexpr std::chrono::seconds kWriteStall{
      5};  ///< a peer that takes no byte for this long is gone

  explicit BoundedStream(int fd);
  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  using httplib::Stream::write;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_; }

 private:
  bool wait_for(short events, std::chrono::milliseconds time) const;
  bool fill();

  int fd_;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t taken_ = 0;  ///< bytes read from the peer
  std::array<char, 4096> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace probewall
