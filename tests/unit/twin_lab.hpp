// SPDX-License-Identifier: Apache-2.0
// One client, one server and the kernel twin between them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "core/flow/kernel_twin.hpp"
#include "unit/frame_builder.hpp"

namespace probewall::testing {

struct TwinRecord {
  pw_record header{};
  std::string bytes;
  bool has(unsigned flag) const { return (header.flags & flag) != 0; }
};

inline TwinConfig twin_config(pw_settings settings = default_twin_settings()) {
  TwinConfig c;
  c.settings = settings;
  c.ports.resize(65536);
  c.ports[8000] = {PW_PORT_LLM, PW_SERVICE_VLLM, {}};
  c.ports[9999] = {PW_PORT_DECOY, PW_SERVICE_DECOY, {}};
  return c;
}

class TwinLab {
 public:
  static constexpr std::uint32_t kClientIsn = 0xfffffff0u;  // wraps within the first request
  static constexpr std::uint32_t kServerIsn = 5000;

  explicit TwinLab(const TwinConfig& config = twin_config())
      : twin(config, [this](ByteSpan bytes) {
          TwinRecord r;
          std::memcpy(&r.header, bytes.data(), sizeof r.header);
          r.bytes = as_text(bytes.subspan(sizeof r.header));
          records.push_back(std::move(r));
        }) {}

  pw_verdict from_client(const Segment& s) {
    const std::string frame = ethernet_frame(s);
    return twin.ingress(parse_packet(as_byte_span(frame)), now);
  }
  void from_server(Segment s) {
    std::swap(s.src, s.dst);
    std::swap(s.src_port, s.dst_port);
    const std::string frame = ethernet_frame(s);
    twin.egress(parse_packet(as_byte_span(frame)), now);
  }

  /// `offset` counts from the first payload byte of either side.
  Segment client_segment(std::uint32_t offset, std::string payload = {},
                         std::uint8_t flags = 0x10) {
    Segment s = base;
    s.seq = kClientIsn + 1 + offset;
    s.ack = kServerIsn + 1 + server_sent;
    s.flags = flags;
    s.payload = std::move(payload);
    return s;
  }
  pw_verdict client(std::uint32_t offset, std::string payload, std::uint8_t flags = 0x18) {
    return from_client(client_segment(offset, std::move(payload), flags));
  }
  /// The server acknowledges `offset` client bytes.
  void server_ack(std::uint32_t offset, std::string payload = {}, std::uint8_t flags = 0x10) {
    Segment s = base;
    s.seq = kServerIsn + 1 + server_sent;
    s.ack = kClientIsn + 1 + offset;
    s.flags = flags;
    server_sent += static_cast<std::uint32_t>(payload.size());
    s.payload = std::move(payload);
    from_server(s);
  }
  void syn_ack(std::uint32_t client_isn = kClientIsn, std::uint32_t server_isn = kServerIsn) {
    Segment s = base;
    s.seq = server_isn;
    s.ack = client_isn + 1;
    s.flags = 0x12;
    from_server(s);
  }
  void handshake() {
    from_client(client_segment(0xffffffffu, {}, 0x02));
    syn_ack();
    from_client(client_segment(0));
  }
  std::vector<TwinRecord> take() { return std::exchange(records, {}); }
  std::uint64_t event(pw_event_count what) const { return twin.counters().events[what]; }

  Segment base;
  std::uint32_t server_sent = 0;
  Timestamp now = timestamp_from_ns(1'767'052'800'000'000'000ull);
  std::vector<TwinRecord> records;
  KernelTwin twin;
};

inline const std::string kProbe =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
constexpr std::uint32_t kProbeLen = 68;

}  // namespace probewall::testing
