// SPDX-License-Identifier: Apache-2.0
// Software twin of the kernel programs (bpf/), for capture files: verdict, proof of address,
// budgets, body skipping, rate buckets; the same records (abi/records.h) come out. Pure and
// deterministic: time is the packets'.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/decode/packet.hpp"
#include "probewall/abi/counters.h"
#include "probewall/abi/maps.h"
#include "probewall/abi/records.h"
#include "probewall/bytes.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall {

/// What the guard writes into pw_settings and pw_ports, and the bounds of the tables.
struct TwinConfig {
  /// 0 means "no limit" for capture_bytes_per_s and rate_requests_per_s, as in the kernel, and here
  /// for unproven_per_s too. Ring and tag members are not used.
  pw_settings settings{};
  std::vector<pw_port> ports;  ///< 65536 entries; index = port in host order
  std::uint32_t max_flows = 65536;
  std::uint32_t max_sources = 65536;
};

class KernelTwin {
 public:
  /// `on_record` is called synchronously; the span dies with the call. It may call store_skip() and
  /// block().
  KernelTwin(const TwinConfig& config, std::function<void(ByteSpan)> on_record);
  ~KernelTwin();
  KernelTwin(const KernelTwin&) = delete;
  KernelTwin& operator=(const KernelTwin&) = delete;

  /// XDP: a packet that comes in from the outside. Time never goes backwards.
  pw_verdict ingress(const PacketView& packet, Timestamp now);
  /// tc egress: a packet on its way to a client.
  void egress(const PacketView& packet, Timestamp now);

  /// What the worker stores into pw_skip.
  void store_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume);

  /// Adds or overwrites a block entry; nullopt: it never expires. `action`: pw_block_action.
  void block(const IpPrefix& prefix, pw_block_action action, pw_block_origin origin,
             std::optional<Timestamp> until);
  void allow(const IpPrefix& prefix, std::uint8_t scope);
  /// Whether an allow entry of scope PW_ALLOW_ALL overlaps `prefix`: such a ban is refused.
  bool allows_any_of(const IpPrefix& prefix) const;

  const pw_counters& counters() const;
  std::uint64_t flows_active() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Settings as replay wants them; `hash_seed` fixed, so that the same file gives the same records.
pw_settings default_twin_settings();

}  // namespace probewall
