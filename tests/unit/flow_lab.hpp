// SPDX-License-Identifier: Apache-2.0
// Records of one or more connections in, requests, answers, losses and skips out.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/flow/request_assembler.hpp"
#include "probewall/abi/maps.h"
#include "probewall/abi/records.h"

namespace probewall::testing {

struct Skip {
  std::uint32_t slot, tag, resume;
};

class CollectingSink final : public AssemblerSink {
 public:
  void on_request(Request&& r) override { requests.push_back(std::move(r)); }
  void on_response(Response&& r) override { responses.push_back(std::move(r)); }
  void on_loss(Loss what, std::uint64_t count) override { losses[what] += count; }
  void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) override {
    skips.push_back({slot, tag, resume});
  }

  std::vector<Request> requests;
  std::vector<Response> responses;
  std::map<Loss, std::uint64_t> losses;
  std::vector<Skip> skips;
};

/// One connection whose first byte has sequence kIsn1, which wraps within a few bytes.
class FlowLab {
 public:
  static constexpr std::uint32_t kIsn1 = 0xfffffff5u;
  static constexpr std::uint32_t kServerSeq = 7000;
  static constexpr std::uint16_t kQuick = PW_RECORD_PROVEN | PW_RECORD_ANCHORED;

  explicit FlowLab(const AssemblerConfig& config = {}) : assembler(config, sink) {
    base.abi_version = PW_ABI_VERSION;
    base.service = PW_SERVICE_VLLM;
    base.flow = FlowKey{IpAddress::from_v4(0xc6336407), IpAddress::from_v4(0x0a000002), 40000, 8000}
                    .to_abi();
    base.isn1 = kIsn1;
    base.ack = kServerSeq;
  }

  void submit(pw_record h, std::string_view bytes = {}) {
    h.time_ns = time_ns += 1000;
    h.cap_len = static_cast<__u16>(bytes.size());
    std::string record(sizeof h, '\0');
    std::memcpy(record.data(), &h, sizeof h);
    record += bytes;
    assembler.on_record(as_byte_span(record));
  }
  /// Client bytes from stream offset `at` on. `uncaptured`: further bytes of the segment.
  void client(std::int64_t at, std::string_view bytes, std::uint16_t flags = kQuick,
              std::uint32_t uncaptured = 0) {
    pw_record h = base;
    h.type = PW_RECORD_CAPTURE;
    h.seq = base.isn1 + static_cast<std::uint32_t>(at);
    h.payload_len = static_cast<__u32>(bytes.size()) + uncaptured;
    h.flags = flags;
    submit(h, bytes);
  }
  void unproven(std::int64_t at, std::string_view bytes) { client(at, bytes, PW_RECORD_ANCHORED); }
  /// The server's acknowledgment moves from stream offset `from` to `to`.
  void ack(std::int64_t from, std::int64_t to) {
    pw_record h = base;
    h.type = PW_RECORD_ACK;
    h.flags = PW_RECORD_FROM_SERVER;
    h.seq = kServerSeq;
    h.prev_ack = base.isn1 + static_cast<std::uint32_t>(from);
    h.ack = base.isn1 + static_cast<std::uint32_t>(to);
    submit(h);
  }
  /// `uncaptured`: further bytes of the segment.
  void answer(std::string_view bytes, bool start = true, std::uint32_t uncaptured = 0) {
    pw_record h = base;
    h.type = PW_RECORD_RESPONSE;
    h.flags = PW_RECORD_FROM_SERVER;
    if (start) h.flags |= PW_RECORD_RESPONSE_START;
    h.seq = server_seq;
    h.payload_len = static_cast<__u32>(bytes.size()) + uncaptured;
    server_seq += h.payload_len;
    submit(h, bytes);
  }
  void close(std::uint16_t flags, std::int64_t client_at = 0) {
    pw_record h = base;
    h.type = PW_RECORD_CLOSE;
    h.flags = flags;
    h.seq = (flags & PW_RECORD_FROM_SERVER) ? server_seq
                                            : base.isn1 + static_cast<std::uint32_t>(client_at);
    submit(h);
  }
  /// Time passes without a record.
  void wait(Duration d) {
    time_ns += static_cast<std::uint64_t>(d.count());
    assembler.on_tick(timestamp_from_ns(time_ns));
  }
  void finish() { assembler.finish(timestamp_from_ns(time_ns)); }
  std::uint64_t lost(Loss what) const {
    const auto it = sink.losses.find(what);
    return it == sink.losses.end() ? 0 : it->second;
  }
  const std::vector<Request>& requests() const { return sink.requests; }

  pw_record base{};
  std::uint64_t time_ns = 1'000'000'000;
  std::uint32_t server_seq = kServerSeq;
  CollectingSink sink;
  RequestAssembler assembler;
};

inline std::string post(std::string_view body, std::string_view more_headers = {}) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n" + std::string{more_headers} +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}
inline std::string chat(std::string_view model, std::string_view text = "hi") {
  return R"({"model":")" + std::string{model} + R"(","messages":[{"role":"user","content":")" +
         std::string{text} + R"("}]})";
}
inline std::string chunked(std::string_view body, std::size_t chunk) {
  std::string s =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  while (!body.empty()) {
    const auto piece = body.substr(0, chunk);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    s += size;
    s += piece;
    s += "\r\n";
    body.remove_prefix(piece.size());
  }
  return s + "0\r\n\r\n";
}

/// "METHOD path model" of each, with " cut" and " head" when body or head are not whole.
inline std::vector<std::string> summary(const std::vector<Request>& requests) {
  std::vector<std::string> out;
  for (const Request& r : requests) {
    out.push_back(r.head.method + ' ' + r.head.path + ' ' + r.llm.model +
                  (r.truncated ? " cut" : "") + (r.head_complete ? "" : " head"));
  }
  return out;
}

/// Everything about requests that must not depend on how their bytes were cut into segments.
inline std::string fingerprint(const std::vector<Request>& requests) {
  std::string s;
  for (const Request& r : requests) {
    s += r.head.method + ' ' + r.head.target + ' ' + std::to_string(r.head.headers.size()) + ' ' +
         r.body_prefix + ' ' + r.llm.model + ' ' + r.llm.user_text + (r.truncated ? " T" : "") +
         (r.head_complete ? "" : " H") + (r.proven ? "" : " U") + (r.conflicting ? " C" : "") +
         (r.after_gap ? " G" : "") + '#' + std::to_string(r.index_on_flow) + '\n';
  }
  return s;
}

}  // namespace probewall::testing
