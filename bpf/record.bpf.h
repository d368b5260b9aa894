/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records to user space: one ring per worker and CPU group, or the perf buffer. */
#ifndef PROBEWALL_RECORD_BPF_H
#define PROBEWALL_RECORD_BPF_H

#include "flow.bpf.h"
#include "probewall/abi/records.h"
#include "run.bpf.h"
#include "source.bpf.h"

/* Set by the loader before load; the branch not taken is never verified. */
const volatile __u8 pw_use_perf = 0;

struct pw_ring_map {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __array(values, struct pw_ring_map);
} pw_rings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, __u64);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_need_wake SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_perf SEC(".maps");

/* The record under construction; too large for the stack. Programs of one CPU do not nest, and
 * each object has its own. */
struct pw_scratch_value {
  struct pw_record record;
  __u8 bytes[PW_CAP_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct pw_scratch_value);
} pw_scratch SEC(".maps");

enum pw_put { PW_PUT_DONE = 0, PW_PUT_FULL, PW_PUT_UNREADABLE };

/* Keeps the compiler from proving a bound away that the verifier has to see. */
#define PW_OPAQUE(x) asm volatile("" : "+r"(x))

/* Starts a record about the packet in hand. `flow` may be NULL: no anchor, no skip. */
PW_INLINE struct pw_scratch_value *pw_record_start(const struct pw_run *run,
                                                   const union pw_flow_words *id,
                                                   const struct pw_flow *flow, __u8 type) {
  __u32 zero = 0;
  struct pw_scratch_value *scratch = bpf_map_lookup_elem(&pw_scratch, &zero);
  if (!scratch) return NULL;
  struct pw_record *r = &scratch->record;
  __builtin_memset(r, 0, sizeof(*r));
  r->time_ns = bpf_ktime_get_ns();
  r->flow = id->key;
  r->seq = run->pkt.seq;
  r->ack = run->pkt.ack;
  r->type = type;
  r->abi_version = PW_ABI_VERSION;
  r->interface_slot = pw_interface_slot;
  r->service = run->port.service;
  if (run->port.flags & PW_PORT_DECOY) r->flags |= PW_RECORD_DECOY;
  if (run->feed_tagged) r->flags |= PW_RECORD_FEED_TAGGED;
  if (!flow) return scratch;
  r->skip_slot = flow->skip_slot;
  r->skip_tag = flow->skip_tag;
  if (flow->in_flags & PW_FLOW_ANCHORED) {
    r->isn1 = flow->client_isn1;
    r->flags |= PW_RECORD_ANCHORED;
  }
  return scratch;
}

/* All packets of a source go to one worker; CPUs of one group share a ring and its lock. */
PW_INLINE __u32 pw_ring_index(const struct pw_settings *cfg, const struct pw_record *r) {
  __u32 worker = 0;
  if (cfg->ring_workers > 1) {
    union pw_source_words id;
    pw_source_id(&r->flow.client, r->flow.family, cfg->ipv6_source_prefix, &id);
    worker = (__u32)pw_hash(id.words, 2, cfg->hash_seed) % cfg->ring_workers;
  }
  if (cfg->ring_groups <= 1) return worker;
  return worker * cfg->ring_groups + bpf_get_smp_processor_id() % cfg->ring_groups;
}

/* Copies 1..`room` frame bytes. Written around len - 1, as Linux 6.1 learns an upper bound from a
 * comparison with it, but no lower bound from len != 0. */
PW_INLINE bool pw_copy_payload(pw_ctx *ctx, __u32 off, void *to, __u32 len, const __u32 room) {
  __u32 last = len - 1;
  PW_OPAQUE(last);
  if (last >= room) return false;
  return pw_load_bytes(ctx, off, to, last + 1) == 0;
}

/* Reserve, copy, wake, submit. `room` is the size class, a constant as the verifier demands; bytes
 * after cap_len are whatever the ring held before. */
PW_INLINE enum pw_put pw_put_class(pw_ctx *ctx, void *ring, __u64 *need_wake,
                                   const struct pw_record *header, __u32 off, __u32 len,
                                   const __u32 room) {
  struct pw_record *r = bpf_ringbuf_reserve(ring, sizeof(*r) + room, 0);
  if (!r) return PW_PUT_FULL;
  __builtin_memcpy(r, header, sizeof(*r));
  if (room > 0 && !pw_copy_payload(ctx, off, r + 1, len, room)) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    return PW_PUT_UNREADABLE;
  }
  /* need_wake, as in AF_XDP: the reader sets it before it sleeps. Reserve has already moved the
   * producer position, and both sides use a locked exchange, so no wake-up is lost. */
  const __u64 wanted = need_wake ? __sync_lock_test_and_set(need_wake, 0) : 1;
  bpf_ringbuf_submit(r, wanted ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
  return PW_PUT_DONE;
}

PW_INLINE enum pw_put pw_put_ring(pw_ctx *ctx, const struct pw_settings *cfg,
                                  const struct pw_record *header, __u32 off, __u32 len) {
  __u32 index = pw_ring_index(cfg, header);
  void *ring = bpf_map_lookup_elem(&pw_rings, &index);
  __u64 *need_wake = bpf_map_lookup_elem(&pw_need_wake, &index);
  if (!ring) return PW_PUT_FULL;
  if (len == 0) return pw_put_class(ctx, ring, need_wake, header, off, len, 0);
  if (len <= 256) return pw_put_class(ctx, ring, need_wake, header, off, len, 256);
  if (len <= 512) return pw_put_class(ctx, ring, need_wake, header, off, len, 512);
  if (len <= 1024) return pw_put_class(ctx, ring, need_wake, header, off, len, 1024);
  if (len <= 1536) return pw_put_class(ctx, ring, need_wake, header, off, len, 1536);
  if (len <= 4096) return pw_put_class(ctx, ring, need_wake, header, off, len, 4096);
  return pw_put_class(ctx, ring, need_wake, header, off, len, 8192);
}

PW_INLINE enum pw_put pw_put_perf(pw_ctx *ctx, struct pw_scratch_value *scratch, __u32 off,
                                  __u32 len) {
  if (len && !pw_copy_payload(ctx, off, scratch->bytes, len, PW_CAP_MAX)) return PW_PUT_UNREADABLE;
  PW_OPAQUE(len);
  if (len > PW_CAP_MAX) return PW_PUT_UNREADABLE;
  return bpf_perf_event_output(ctx, &pw_perf, BPF_F_CURRENT_CPU, scratch,
                               sizeof(struct pw_record) + len)
             ? PW_PUT_FULL
             : PW_PUT_DONE;
}

/* Sends the record under construction with `len` (at most PW_CAP_MAX) frame bytes from `off`.
 * 0: sent; else it is lost and counted. */
PW_GLOBAL int pw_emit(pw_ctx *ctx, __u32 off, __u32 len) {
  __u32 zero = 0;
  struct pw_scratch_value *scratch = bpf_map_lookup_elem(&pw_scratch, &zero);
  const struct pw_settings *cfg = pw_get_settings();
  if (!scratch || !cfg) return PW_PUT_FULL;
  scratch->record.cap_len = len;
  const enum pw_put put = pw_use_perf ? pw_put_perf(ctx, scratch, off, len)
                                      : pw_put_ring(ctx, cfg, &scratch->record, off, len);
  const __u32 type = scratch->record.type;
  struct pw_counters *row = pw_counter_row(); /* not before: the stack is full */
  if (!row) return put;
  if (type < PW_RECORD_TYPE_COUNT) {
    if (put == PW_PUT_DONE)
      row->records[type]++;
    else
      row->records_lost[type]++;
  }
  if (put == PW_PUT_UNREADABLE) pw_count_event(row, PW_EVENT_LOAD_FAILED, 1);
  return put;
}

#endif
