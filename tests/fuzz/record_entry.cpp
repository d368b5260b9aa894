// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "fuzz/entries.hpp"
#include "unit/flow_lab.hpp"

namespace probewall::fuzz {
namespace {

using probewall::testing::fingerprint;
using probewall::testing::FlowLab;

AssemblerConfig small() {
  AssemblerConfig c;
  c.bytes_per_request = 512;
  c.max_flows = 8;
  return c;
}

struct Outcome {
  std::string requests;
  bool in_step = true;  ///< the stream was never lost, so that segment borders do not matter
};

Outcome run_in_segments(std::string_view input, std::size_t segment) {
  FlowLab lab{small()};
  for (std::size_t at = 0; at < input.size(); at += segment) {
    lab.client(static_cast<std::int64_t>(at), input.substr(at, segment));
  }
  lab.finish();
  Outcome out{fingerprint(lab.requests()), true};
  if (lab.lost(Loss::kInvalidHead) > 0) out.in_step = false;
  for (const Request& r : lab.requests()) out.in_step = out.in_step && r.head_complete;
  return out;
}

/// Small instructions, so that mutations reach deep states.
class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  unsigned next() {
    if (bytes_.empty()) return 0;
    const auto c = static_cast<unsigned char>(bytes_[0]);
    bytes_.remove_prefix(1);
    return c;
  }
  std::string_view text(std::size_t n) {
    const auto t = bytes_.substr(0, n);
    bytes_.remove_prefix(t.size());
    return t;
  }

 private:
  std::string_view bytes_;
};

void step(Script& script, FlowLab& lab) {
  const unsigned op = script.next();
  const auto at = static_cast<std::int64_t>(script.next()) * ((op & 0x80) != 0 ? 97 : 1);
  const unsigned size = script.next();
  lab.base.flow.client_port = static_cast<__be16>((op >> 4) & 3);
  lab.base.skip_tag = op & 0x40;
  switch (op & 15) {
    case 0:
    case 1:
    case 2:
      lab.client(at, script.text(size));
      break;
    case 3:
      lab.client(at, script.text(size), PW_RECORD_PROVEN);
      break;
    case 4:
      lab.client(at, script.text(size / 2), FlowLab::kQuick, size);
      break;
    case 5:
      lab.client(at, script.text(size), FlowLab::kQuick | PW_RECORD_RESYNC);
      break;
    case 6:
      lab.client(at, script.text(size), FlowLab::kQuick | PW_RECORD_FIN);
      break;
    case 7:
    case 8:
      lab.unproven(at, script.text(size));
      break;
    case 9:
    case 10:
      lab.ack(at, at + size);
      break;
    case 11:
      lab.answer(script.text(size), (at & 1) != 0);
      break;
    case 12:
      lab.close(static_cast<std::uint16_t>(size * 4), at);
      break;
    case 13:
      lab.wait(std::chrono::milliseconds{size * size});
      break;
    case 14:
      lab.base.isn1 += size;
      break;
    default:
      lab.assembler.on_record(as_byte_span(script.text(size)));
      break;
  }
}

}  // namespace

const char* fuzz_stream(std::string_view input) {
  const Outcome whole = run_in_segments(input, 1400);
  const Outcome small_pieces = run_in_segments(input, 7);
  if (!whole.in_step || !small_pieces.in_step) return nullptr;
  return whole.requests == small_pieces.requests ? nullptr : "segments change the requests";
}

const char* fuzz_records(std::string_view input) {
  FlowLab lab{small()};
  Script script{input};
  while (!script.done()) {
    step(script, lab);
    if (lab.assembler.flows_active() > 8) return "too many flows";
  }
  lab.finish();
  if (lab.assembler.flows_active() != 0) return "flows left at the end";
  std::uint64_t id = 0;
  for (const Request& r : lab.requests()) {
    if (r.id != ++id) return "ids are not in order";
    if (r.body_prefix.size() > 512) return "body over the cap";
    if (!r.proven) return "unproven request given out";
    if (r.proven_time < r.time) return "proven before it was seen";
  }
  for (const Response& r : lab.sink.responses) {
    if (r.request_id == 0 || r.request_id > id) return "answer to no request";
    if (r.head_and_body_prefix.size() > 1024) return "answer over its bound";
    if (r.status < 100 || r.status > 999) return "answer without status";
  }
  return nullptr;
}

}  // namespace probewall::fuzz
