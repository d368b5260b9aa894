/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "rate": token buckets. Per source, spent by proven packets only, so that forged packets
 * cannot use up a victim's budget; one small bucket per CPU for everything unproven. Updates from
 * several CPUs may race and then err on the generous side. */
#ifndef PROBEWALL_RATE_BPF_H
#define PROBEWALL_RATE_BPF_H

#include "probewall/abi/records.h"
#include "run.bpf.h"
#include "source.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, struct pw_source_key);
  __type(value, struct pw_source);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct pw_unproven_bucket);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_unproven SEC(".maps");

#define PW_NS_PER_MS 1000000ull
#define PW_MAX_REFILL_MS 3600000ull

enum pw_over { PW_OVER_REQUESTS = 1 << 0, PW_OVER_CAPTURE = 1 << 1 };

struct pw_limits {
  __u64 requests_per_s; /* 0: no limit */
  __u64 request_burst;  /* requests * 1000 */
  __u64 capture_per_s;  /* 0: no limit */
  __u64 capture_burst;
};

/* Whole milliseconds since `*refill_ns`, which moves on by just as many: buckets are refilled in
 * such steps, so that rounding loses nothing at high packet rates. */
PW_INLINE __u64 pw_elapsed_ms(__u64 *refill_ns, __u64 now_ns) {
  if (now_ns <= *refill_ns) return 0;
  const __u64 ms = (now_ns - *refill_ns) / PW_NS_PER_MS;
  *refill_ns += ms * PW_NS_PER_MS;
  return ms < PW_MAX_REFILL_MS ? ms : PW_MAX_REFILL_MS;
}

PW_INLINE __u64 pw_refilled(__u64 tokens, __u64 add, __u64 burst) {
  tokens += add;
  return tokens < burst ? tokens : burst;
}

PW_INLINE void pw_limits_of(const struct pw_settings *cfg, bool limited, struct pw_limits *limits) {
  limits->requests_per_s = limited ? PW_LIMITED_REQUESTS_PER_S : cfg->rate_requests_per_s;
  limits->request_burst = limited ? PW_LIMITED_BURST : cfg->rate_burst;
  if (limits->request_burst == 0) limits->request_burst = 1;
  limits->request_burst *= 1000;
  limits->capture_per_s = cfg->capture_bytes_per_s;
  limits->capture_burst = cfg->capture_burst_bytes;
  /* One record must always fit, else the source would be stuck for good. */
  if (limits->capture_burst < PW_CAP_MAX) limits->capture_burst = PW_CAP_MAX;
}

/* More than any burst: a refill cuts it to the burst in force. */
#define PW_FULL_BUCKET (1ull << 62)

/* Looks the source up or creates it with full buckets. NULL (counted): no entry to be had. */
PW_INLINE struct pw_source *pw_source_entry(const struct pw_source_key *key) {
  struct pw_source *source = bpf_map_lookup_elem(&pw_sources, key);
  if (source) return source;
  struct pw_source full = {
      .refill_ns = bpf_ktime_get_ns(),
      .capture_tokens = PW_FULL_BUCKET,
      .request_tokens = PW_FULL_BUCKET,
  };
  if (bpf_map_update_elem(&pw_sources, key, &full, BPF_ANY) == 0)
    source = bpf_map_lookup_elem(&pw_sources, key);
  if (source) return source;
  struct pw_counters *row = pw_counter_row();
  if (row) pw_count_event(row, PW_EVENT_SOURCE_CREATE_FAILED, 1);
  return NULL;
}

PW_INLINE void pw_refill(struct pw_source *source, const struct pw_limits *limits) {
  const __u64 ms = pw_elapsed_ms(&source->refill_ns, bpf_ktime_get_ns());
  source->request_tokens =
      pw_refilled(source->request_tokens, limits->requests_per_s * ms, limits->request_burst);
  source->capture_tokens =
      pw_refilled(source->capture_tokens, limits->capture_per_s * ms / 1000, limits->capture_burst);
}

enum pw_spend_flag {
  PW_SPEND_REQUEST = 1 << 0, /* the segment starts a request */
  PW_SPEND_LIMITED = 1 << 1, /* the source's block entry says RATE_LIMIT */
  PW_SPEND_FORCE = 1 << 2    /* the packet passes anyway: take the tokens that are there */
};

PW_INLINE struct pw_source *pw_source_of(const struct pw_addr *addr, __u32 family,
                                         const struct pw_settings *cfg) {
  union pw_source_words id;
  pw_source_id(addr, family, cfg->ipv6_source_prefix, &id);
  return pw_source_entry(&id.key);
}

/* What a new request and `bytes` captured bytes of a proven source would exceed: enum pw_over.
 * Takes the tokens when neither is exceeded. No entry to be had: nothing is exceeded. The limits
 * are read last, so that they and the key of the source never lie on the stack together. */
PW_GLOBAL int pw_spend(const struct pw_addr *addr, __u32 family, __u32 bytes, __u32 flags) {
  const struct pw_settings *cfg = pw_get_settings();
  if (!addr || !cfg) return 0;
  const bool limited = flags & PW_SPEND_LIMITED;
  const bool counts = (flags & PW_SPEND_REQUEST) && (limited || cfg->rate_requests_per_s);
  const __u64 requests = counts ? 1000 : 0;
  if (cfg->capture_bytes_per_s == 0) bytes = 0;
  if (requests == 0 && bytes == 0) return 0;
  struct pw_source *source = pw_source_of(addr, family, cfg);
  if (!source) return 0;

  struct pw_limits limits;
  pw_limits_of(cfg, limited, &limits);
  pw_refill(source, &limits);
  int over = 0;
  if (source->request_tokens < requests) over |= PW_OVER_REQUESTS;
  if (source->capture_tokens < bytes) over |= PW_OVER_CAPTURE;
  if (over && !(flags & PW_SPEND_FORCE)) return over;
  if (!(over & PW_OVER_REQUESTS)) source->request_tokens -= requests;
  if (!(over & PW_OVER_CAPTURE)) source->capture_tokens -= bytes;
  return over;
}

/* Takes one record of this CPU's share for unproven packets; its burst is one second's worth. */
PW_INLINE bool pw_spend_unproven(struct pw_run *run) {
  __u32 zero = 0;
  struct pw_unproven_bucket *bucket = bpf_map_lookup_elem(&pw_unproven, &zero);
  if (!bucket) return false;
  const __u64 per_s = run->cfg->unproven_per_s;
  const __u64 now_ns = bpf_ktime_get_ns();
  const __u64 burst = per_s * 1000;
  if (bucket->refill_ns == 0) {
    bucket->refill_ns = now_ns;
    bucket->tokens = burst;
  }
  const __u64 ms = pw_elapsed_ms(&bucket->refill_ns, now_ns);
  bucket->tokens = pw_refilled(bucket->tokens, per_s * ms, burst);
  if (bucket->tokens < 1000) return false;
  bucket->tokens -= 1000;
  return true;
}

#endif
