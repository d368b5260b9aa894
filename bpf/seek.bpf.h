/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a request may begin in the middle of a segment: behind the end of a body that was sent with
 * it. Asked only for bytes that no budget covers and that user space had no time yet to skip. */
#ifndef PROBEWALL_SEEK_BPF_H
#define PROBEWALL_SEEK_BPF_H

#include "record.bpf.h"

#define PW_SEEK_WINDOW 64u
#define PW_SEEK_MARK 7u                                  /* "HTTP/1." */
#define PW_SEEK_STEP (PW_SEEK_WINDOW - PW_SEEK_MARK + 1) /* a mark lies whole in one window */
#define PW_SEEK_WINDOWS 576u                             /* 32 KiB */

struct pw_seek {
  pw_ctx *ctx;
  __u32 off;
  __u32 len;
  __s32 found; /* relative to `off`, at or up to a window before the mark; -1: none */
};

/* Without a branch for each byte: eight of them are compared at each place. */
static long pw_seek_step(__u32 i, struct pw_seek *seek) {
  const __u64 mark = 0x2e312f50545448ull; /* "HTTP/1." as a little-endian word */
  __u32 zero = 0;
  __u32 at = i * PW_SEEK_STEP;
  struct pw_scratch_value *scratch = bpf_map_lookup_elem(&pw_scratch, &zero);
  if (!scratch) return 1;
  const bool last = at + PW_SEEK_WINDOW >= seek->len;
  if (last) at = seek->len - PW_SEEK_WINDOW; /* overlaps the window before */
  if (pw_load_bytes(seek->ctx, seek->off + at, scratch->bytes, PW_SEEK_WINDOW)) return 1;
  __u64 hit = 0;
#pragma unroll
  for (__u32 k = 0; k + 8 <= PW_SEEK_WINDOW; k++) {
    const __u64 word = *(const __u64 *)(scratch->bytes + k) & 0x00ffffffffffffffull;
    hit |= ((word ^ mark) - 1) >> 63; /* below 2^56, so only zero's predecessor has that bit */
    PW_OPAQUE(hit);                   /* one after the other: side by side they fill the stack */
  }
  const __u64 tail = *(const __u64 *)(scratch->bytes + PW_SEEK_WINDOW - 8) >> 8;
  hit |= ((tail ^ mark) - 1) >> 63;
  if (hit) seek->found = at;
  return hit || last;
}

/* Offset in the `len` bytes at `off` of the window that holds the first "HTTP/1.", or -1. Fewer
 * than a window are not looked at: no request that is worth anything fits. */
PW_GLOBAL int pw_seek_request(pw_ctx *ctx, __u32 off, __u32 len) {
  struct pw_seek seek = {.ctx = ctx, .off = off, .len = len, .found = -1};
  if (len < PW_SEEK_WINDOW) return -1;
  bpf_loop(PW_SEEK_WINDOWS, pw_seek_step, &seek, 0);
  return seek.found;
}

#endif
