// SPDX-License-Identifier: Apache-2.0
// Twin of bpf/rate.bpf.h: token buckets per source, spent by proven packets only, and one small
// bucket for everything unproven.
#include "core/flow/kernel_twin_state.hpp"

namespace probewall {
namespace {

enum Over : unsigned { kOverRequests = 1, kOverCapture = 2 };

struct Limits {
  std::uint64_t requests_per_s = 0, request_burst = 0;  ///< burst in requests * 1000
  std::uint64_t capture_per_s = 0, capture_burst = 0;
};

Limits limits_of(const pw_settings& s, bool limited) {
  Limits l;
  l.requests_per_s = limited ? PW_LIMITED_REQUESTS_PER_S : s.rate_requests_per_s;
  l.request_burst = limited ? PW_LIMITED_BURST : s.rate_burst;
  l.request_burst = std::max<std::uint64_t>(l.request_burst, 1) * 1000;
  l.capture_per_s = s.capture_bytes_per_s;
  // One record must always fit, else the source would be stuck for good.
  l.capture_burst = std::max<std::uint64_t>(s.capture_burst_bytes, PW_CAP_MAX);
  return l;
}

}  // namespace

/// True: drop. Where the packet passes all the same (allow table, observe mode), nothing is
/// captured over the capture budget.
bool KernelTwin::State::rate_limited(Run& run, Piece& piece, bool request) {
  const unsigned over = spend(run, request, piece.cap, false);
  if (over == 0) return false;
  if (drop_gate(run, PW_VERDICT_RATE_LIMITED)) return true;
  spend(run, request, piece.cap, true);
  if (over & kOverCapture) piece.cap = 0;
  return false;
}

unsigned KernelTwin::State::spend(const Run& run, bool request, std::uint32_t bytes, bool force) {
  const Limits limits = limits_of(config_.settings, run.limited);
  std::uint64_t requests = request && limits.requests_per_s > 0 ? 1000 : 0;
  if (limits.capture_per_s == 0) bytes = 0;
  if (requests == 0 && bytes == 0) return 0;
  const IpPrefix id = source_of(run.pkt.src, config_.settings.ipv6_source_prefix);
  pw_source* source = sources_.find(id);
  if (source == nullptr) {
    source = &sources_.create(id);
    *source = {to_ns(run.now), limits.capture_burst, limits.request_burst};
  }
  const std::uint64_t ms = twin::elapsed_ms(source->refill_ns, to_ns(run.now));
  source->request_tokens =
      twin::refilled(source->request_tokens, limits.requests_per_s * ms, limits.request_burst);
  source->capture_tokens = twin::refilled(source->capture_tokens, limits.capture_per_s * ms / 1000,
                                          limits.capture_burst);
  unsigned over = 0;
  if (source->request_tokens < requests) over |= kOverRequests;
  if (source->capture_tokens < bytes) over |= kOverCapture;
  if (over != 0 && !force) return over;
  if (!(over & kOverRequests)) source->request_tokens -= requests;
  if (!(over & kOverCapture)) source->capture_tokens -= bytes;
  return over;
}

bool KernelTwin::State::spend_unproven(Timestamp now) {
  const std::uint64_t per_s = config_.settings.unproven_per_s;
  if (per_s == 0) return true;
  const std::uint64_t burst = per_s * 1000;
  if (unproven_.refill_ns == 0) {
    unproven_.refill_ns = to_ns(now);
    unproven_.tokens = burst;
  }
  const std::uint64_t ms = twin::elapsed_ms(unproven_.refill_ns, to_ns(now));
  unproven_.tokens = twin::refilled(unproven_.tokens, per_s * ms, burst);
  if (unproven_.tokens < 1000) return false;
  unproven_.tokens -= 1000;
  return true;
}

}  // namespace probewall
