// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "core/http/request_parser.hpp"
#include "fuzz/entries.hpp"
#include "unit/flow_lab.hpp"

namespace probewall::fuzz {
namespace {

using probewall::testing::fingerprint;
using probewall::testing::FlowLab;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

AssemblerConfig small() {
  AssemblerConfig c;
  c.bytes_per_request = 512;
  c.max_flows = 4;
  return c;
}

struct Outcome {
  std::vector<std::string>
      requests;  ///< sorted: those finished by one segment may come in any order
  std::vector<std::string> answers;
  bool in_step = true;  ///< nothing was lost, so that segment borders do not matter
  const char* broken = nullptr;
};

const char* broken_promise(const FlowLab& lab) {
  for (const Request& r : lab.requests()) {
    if (r.body_prefix.size() > 512) return "body over the cap";
    if (r.head.method.empty()) return "request without method";
    if (r.head.headers.size() > kMaxHeaders) return "too many headers";
    if (r.head.auth == AuthKind::kNone && !r.head.auth_hash.empty()) return "hash without key";
  }
  for (const Response& r : lab.sink.responses) {
    if (r.request_id == 0 || r.request_id > lab.requests().size()) return "answer to no request";
    if (r.head_and_body_prefix.size() > 1024) return "answer over its bound";
    if (r.status < 100 || r.status > 999) return "answer without status";
  }
  return nullptr;
}

Outcome run(std::string_view client, std::string_view server, std::size_t piece) {
  FlowLab lab{small()};
  const std::string bytes = std::string{kPreface} + std::string{client};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    lab.client(static_cast<std::int64_t>(at), std::string_view{bytes}.substr(at, piece));
  }
  for (std::size_t at = 0; at < server.size(); at += piece) {
    lab.answer(server.substr(at, piece), at == 0);
  }
  lab.finish();
  Outcome out;
  out.in_step = lab.lost(Loss::kHttp2) == 0 && lab.lost(Loss::kInvalidHead) == 0;
  for (Request r : lab.requests()) {
    r.index_on_flow = 0;
    out.requests.push_back(fingerprint({r}));
  }
  for (const Response& r : lab.sink.responses) out.answers.push_back(std::to_string(r.status));
  std::sort(out.requests.begin(), out.requests.end());
  std::sort(out.answers.begin(), out.answers.end());
  out.broken = broken_promise(lab);
  return out;
}

/// Holes and joins: only the bounds are looked at.
const char* run_with_holes(std::string_view client, std::size_t piece) {
  FlowLab lab{small()};
  const std::string bytes = std::string{kPreface} + std::string{client};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (at / piece % 3 == 2) continue;
    lab.client(static_cast<std::int64_t>(at), std::string_view{bytes}.substr(at, piece),
               FlowLab::kQuick | (at / piece % 3 == 0 ? PW_RECORD_RESYNC : 0));
  }
  lab.finish();
  return broken_promise(lab);
}

}  // namespace

const char* fuzz_http2(std::string_view input) {
  if (input.size() < 2) return nullptr;
  const std::size_t size =
      static_cast<unsigned char>(input[0]) * 256u + static_cast<unsigned char>(input[1]);
  input.remove_prefix(2);
  const auto client = input.substr(0, size);
  const auto server = input.substr(client.size());
  const Outcome whole = run(client, server, 1400);
  const Outcome pieces = run(client, server, 7);
  if (whole.broken) return whole.broken;
  if (pieces.broken) return pieces.broken;
  if (const char* broken = run_with_holes(client, 40)) return broken;
  if (!whole.in_step || !pieces.in_step) return nullptr;
  if (whole.requests != pieces.requests) return "segments change the requests";
  return whole.answers == pieces.answers ? nullptr : "segments change the answers";
}

}  // namespace probewall::fuzz
