/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "glance": the ordinary frame, read where it lies. Ordinary is: no VLAN tag, no IP options or
 * extension headers, no fragment, lengths that agree, and all of it in the linear part. Whatever
 * else there is goes through pw_parse, which knows it all; the two agree wherever both answer.
 * No function is called: on processors that guard each return, one costs more than all of this. */
#ifndef PROBEWALL_GLANCE_BPF_H
#define PROBEWALL_GLANCE_BPF_H

#include "parse.bpf.h"

struct pw_glance {
  __u64 half[2];   /* IPv6: the source, network order */
  __u32 host;      /* IPv4: the source, host order */
  __u32 frame_len; /* of the linear part: bytes in fragments behind the IP packet do not count */
  __u32 port;      /* TCP's destination port, host order, or PW_NO_PORT */
};
#define PW_NO_PORT 0x10000u

PW_INLINE __be16 pw_glance_type(pw_ctx *ctx) {
  const __be16 *type = (void *)(long)ctx->data + offsetof(struct ethhdr, h_proto);
  return (const void *)(type + 1) <= PW_DATA_END(ctx) ? *type : 0;
}

/* The TCP header behind an IP header: is it there, and inside the `room` bytes of its packet? */
PW_INLINE bool pw_glance_tcp(const struct tcphdr *tcp, const void *end, __u32 room,
                             struct pw_glance *g) {
  if ((const void *)(tcp + 1) > end) return false;
  const __u32 header_len = tcp->doff * 4;
  if (header_len < sizeof(*tcp) || header_len > room) return false;
  g->port = bpf_ntohs(tcp->dest);
  return true;
}

/* Of a frame of that type. False: not ordinary. */
PW_INLINE bool pw_glance_v4(pw_ctx *ctx, struct pw_glance *g) {
  const void *data = (void *)(long)ctx->data, *end = PW_DATA_END(ctx);
  const struct iphdr *ip = data + ETH_HLEN;
  if ((const void *)(ip + 1) > end) return false;
  g->frame_len = end - data;
  const __u32 total = bpf_ntohs(ip->tot_len);
  if (*(const __u8 *)ip != 0x45 || total > g->frame_len - ETH_HLEN || total < sizeof(*ip))
    return false;
  if (ip->frag_off & bpf_htons(0x3fff)) return false;
  g->host = bpf_ntohl(ip->saddr);
  g->port = PW_NO_PORT;
  return ip->protocol != IPPROTO_TCP ||
         pw_glance_tcp((const void *)(ip + 1), end, total - sizeof(*ip), g);
}

PW_INLINE bool pw_glance_v6(pw_ctx *ctx, struct pw_glance *g) {
  const void *data = (void *)(long)ctx->data, *end = PW_DATA_END(ctx);
  const struct ipv6hdr *ip = data + ETH_HLEN;
  if ((const void *)(ip + 1) > end) return false;
  g->frame_len = end - data;
  const __u32 length = bpf_ntohs(ip->payload_len), room = g->frame_len - ETH_HLEN;
  if (ip->version != 6 || sizeof(*ip) + length > room || room > PW_JUMBO) return false;
  if (pw_is_ext_header(ip->nexthdr)) return false;
  __builtin_memcpy(g->half, __builtin_assume_aligned(&ip->saddr, 8), sizeof(g->half));
  g->port = PW_NO_PORT;
  return ip->nexthdr != IPPROTO_TCP || pw_glance_tcp((const void *)(ip + 1), end, length, g);
}

#endif
