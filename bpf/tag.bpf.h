/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "tag": XDP leaves its finding in the metadata in front of the frame; tc ingress turns it
 * into bits of skb->mark. Metadata gets lost on generic XDP with frags, and some drivers have
 * none: tc ingress then looks up for itself. */
#ifndef PROBEWALL_TAG_BPF_H
#define PROBEWALL_TAG_BPF_H

#include "context.bpf.h"
#include "probewall/abi/maps.h"

#define PW_META_MAGIC 0x50575447u

struct pw_meta {
  __u32 magic;
  __u32 tag_bits; /* enum pw_tag_bit */
};

#ifdef PW_HOOK_XDP
/* Has to come last: moving the metadata invalidates every packet pointer. */
PW_INLINE void pw_write_meta(struct xdp_md *ctx, __u32 tag_bits) {
  if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(struct pw_meta))) return;
  struct pw_meta *meta = (void *)(long)ctx->data_meta;
  if ((void *)(meta + 1) > (void *)(long)ctx->data) return;
  meta->magic = PW_META_MAGIC;
  meta->tag_bits = tag_bits;
}
#else
PW_INLINE bool pw_read_meta(struct __sk_buff *skb, __u32 *tag_bits) {
  const struct pw_meta *meta = (void *)(long)skb->data_meta;
  if ((void *)(meta + 1) > (void *)(long)skb->data || meta->magic != PW_META_MAGIC) return false;
  *tag_bits = meta->tag_bits;
  return true;
}

/* Other bits of the mark are not ours. */
PW_INLINE void pw_set_mark(struct __sk_buff *skb, const struct pw_settings *cfg, __u32 tag_bits) {
  const __u32 mask = cfg->tag_mask;
  skb->mark = (skb->mark & ~mask) | ((tag_bits << (cfg->tag_shift & 31)) & mask);
}
#endif

#endif
