// SPDX-License-Identifier: Apache-2.0
// The real BPF objects, loaded into an own bpffs and run packet by packet with BPF_PROG_TEST_RUN.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/allow_table.hpp"
#include "dataplane/block_table.hpp"
#include "probewall/abi/counters.h"
#include "probewall/abi/maps.h"
#include "probewall/abi/records.h"
#include "probewall/ip.hpp"
#include "support/packet.hpp"

namespace probewall::test {

struct LabOptions {
  bool operator==(const LabOptions&) const = default;

  bool perf = false;
  std::uint32_t ring_bytes = 1 << 20;
  std::uint32_t rings = 1;
  std::uint32_t flows = 1024;
  std::uint32_t block_entries = 8192;
  std::uint8_t interface_slot = 3;
};

struct Record {
  pw_record head{};
  std::string bytes;
  std::size_t room = 0;  ///< size of the whole record in the ring or perf buffer
  std::uint32_t ring = 0;
};

/// What XDP left of a packet.
struct XdpResult {
  std::uint32_t action = 0;
  std::optional<std::uint32_t> tag_bits;  ///< from the metadata, if there is any
};

/// One test run of the XDP program `fd`.
XdpResult run_xdp(int fd, const Frame& frame);

class KernelLab {
 public:
  explicit KernelLab(const LabOptions& options = {});
  ~KernelLab();

  /// Empties every map and discards waiting records: as good as a fresh lab, without the load.
  void reset();

  XdpResult xdp(const Frame& frame);
  /// skb->mark after tc ingress.
  std::uint32_t tc_in(const Frame& frame, std::uint32_t mark = 0);
  /// Returns the program's verdict.
  int tc_out(const Frame& frame);

  /// Settings as they are; change and put back.
  pw_settings settings() const;
  void set(const std::function<void(pw_settings&)>& change);
  void port(std::uint16_t number, std::uint8_t flags, std::uint8_t service = PW_SERVICE_OTHER);
  void allow(const std::string& prefix, std::uint8_t scope);
  void block(const std::string& prefix, std::uint8_t action, std::uint8_t origin,
             std::uint32_t expires_s = PW_NEVER_EXPIRES, std::uint8_t tag_bits = 0);
  BlockTable& blocks() { return *blocks_; }
  /// Opens the block tables anew, as the next daemon does.
  void reopen_blocks();
  AllowTable& allows() { return *allows_; }
  void reopen_allows();

  /// Sum over CPUs of the lab's interface slot.
  pw_counters counters() const;
  std::uint64_t event(pw_event_count what) const { return counters().events[what]; }
  std::uint64_t verdicts(pw_verdict verdict, pw_family family) const {
    return counters().packets[verdict][family];
  }

  /// Everything sent since the last call.
  std::vector<Record> records();
  std::uint64_t perf_lost() const;

  std::optional<pw_flow> flow(const FlowKey& key) const;
  bool drop_flow(const FlowKey& key);
  std::size_t flow_count() const;
  std::size_t source_count() const;
  void store_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume);
  void forget_synacks();
  std::uint64_t need_wake(std::uint32_t ring) const;
  void set_need_wake(std::uint32_t ring, std::uint64_t value);
  /// True when a wake-up for one of the rings came within `timeout_ms`; wake-ups are asynchronous.
  bool woken(int timeout_ms);
  int xdp_fd() const;
  int tc_in_fd() const;
  const std::string& pin_directory() const { return pin_directory_; }

 private:
  struct Objects;
  void attach_to_lo();
  std::string pin_directory_;
  std::unique_ptr<Objects> objects_;
  std::optional<BlockTable> blocks_;
  std::optional<AllowTable> allows_;
  std::vector<std::uint32_t> ports_;  ///< set since the last reset
};

/// Gives each test a lab with enforcement on and port 11434 (Ollama), 8000 (decoy) and 22 (SSH).
/// The lab with default options is loaded once per process and reset for each test.
class KernelTest : public ::testing::Test {
 protected:
  void start(const LabOptions& options = {});
  void SetUp() override { start(); }
  std::shared_ptr<KernelLab> lab;
};

}  // namespace probewall::test
