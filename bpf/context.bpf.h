/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between the XDP and the tc hook, so that every step is written once. A program
 * defines PW_HOOK_XDP before its first include, or is a tc program. */
#ifndef PROBEWALL_CONTEXT_BPF_H
#define PROBEWALL_CONTEXT_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
/* after linux/bpf.h */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "probewall/abi/common.h"

#define PW_INLINE static __always_inline

/* A function of its own for the verifier: checked once, with arguments it knows nothing about, so
 * that its paths do not multiply with its callers'. Pointers may be NULL as far as it can tell. */
#define PW_GLOBAL __noinline

/* A local function verified anew for each caller, for arguments that hold map pointers. */
#define PW_LOCAL static __noinline

/* Calls a PW_LOCAL function for its effect. Were the result unused, clang would drop it from the
 * function, and the verifier refuses whatever pointer happens to be left in R0. */
#define PW_DO(call)                  \
  do {                               \
    long done_ = (call);             \
    asm volatile("" : : "r"(done_)); \
  } while (0)

/* Set by the loader before load, one object per interface. */
const volatile __u32 pw_interface_slot = 0;

#ifdef PW_HOOK_XDP
#define pw_ctx struct xdp_md
#define PW_DATA_END(ctx) ((void *)(long)(ctx)->data_end)

PW_INLINE long pw_load_bytes(pw_ctx *ctx, __u32 off, void *to, __u32 len) {
  return bpf_xdp_load_bytes(ctx, off, to, len);
}
PW_INLINE __u32 pw_frame_len(pw_ctx *ctx) { return bpf_xdp_get_buff_len(ctx); }
#else
#define pw_ctx struct __sk_buff
#define PW_DATA_END(ctx) ((void *)(long)(ctx)->data_end)

PW_INLINE long pw_load_bytes(pw_ctx *ctx, __u32 off, void *to, __u32 len) {
  return bpf_skb_load_bytes(ctx, off, to, len);
}
#ifdef PW_HOOK_TC_INGRESS
/* Without a link header in front of the data (see pw_read) the length lacks it. */
PW_INLINE __u32 pw_frame_len(pw_ctx *ctx) { return ctx->len + 14 /* ETH_HLEN */; }
#else
PW_INLINE __u32 pw_frame_len(pw_ctx *ctx) { return ctx->len; }
#endif
#endif

/* The verifier bounds variable packet offsets by 64 KiB; headers lie far below. */
#define PW_MAX_HEADER_OFF 16384u

/* Copies `len` (a constant) header bytes to `to`, which has to be aligned to 4. Straight from the
 * linear part when they lie there, which is the usual case and costs a few ns; else by helper, as
 * GSO packets and jumbo frames may keep even headers in fragments.
 * By words: copied by bytes, every field read back would wait for its bytes' stores. */
PW_INLINE bool pw_read(pw_ctx *ctx, __u32 off, void *to, const __u32 len) {
  if (off > PW_MAX_HEADER_OFF) return false;
#ifdef PW_HOOK_TC_INGRESS
  /* Generic XDP with frags hands tc a packet whose data starts behind its link header (mac_len 0,
   * seen on 6.18): ask relative to that header, which reaches the linear part. */
  return bpf_skb_load_bytes_relative(ctx, off, to, len, BPF_HDR_START_MAC) == 0;
#else
  void *start = (void *)(long)ctx->data + off;
  if (start + len <= PW_DATA_END(ctx)) {
    __builtin_memcpy(__builtin_assume_aligned(to, 4), __builtin_assume_aligned(start, 4), len);
    return true;
  }
  return pw_load_bytes(ctx, off, to, len) == 0;
#endif
}

/* Addresses lie on 4-byte boundaries wherever the programs keep them, which their type does not
 * say: copied by bytes otherwise. */
PW_INLINE void pw_copy_addr(void *to, const struct pw_addr *from) {
  __builtin_memcpy(__builtin_assume_aligned(to, 4), __builtin_assume_aligned(from, 4), 16);
}
PW_INLINE __be32 pw_mapped_v4(const struct pw_addr *addr) {
  __be32 v4;
  __builtin_memcpy(&v4, __builtin_assume_aligned(&addr->bytes[12], 4), 4);
  return v4;
}

/* Signed distance between sequence numbers (RFC 9293, 3.4). */
PW_INLINE __s32 pw_seq_distance(__u32 from, __u32 to) { return (__s32)(to - from); }

#endif
