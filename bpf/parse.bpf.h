/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "parse": frame -> pw_packet. Knows nothing of tables or policy. */
#ifndef PROBEWALL_PARSE_BPF_H
#define PROBEWALL_PARSE_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "context.bpf.h"
#include "probewall/abi/counters.h"

enum pw_layer {
  PW_LAYER_NONE = 0, /* no usable IP address */
  PW_LAYER_IP = 1,   /* addresses known, no ports: not TCP, later fragment, or broken above IP */
  PW_LAYER_TCP = 2   /* everything known */
};

enum pw_fragment {
  PW_FRAGMENT_PART = 1 << 0,
  PW_FRAGMENT_LATER = 1 << 1,
  PW_FRAGMENT_TCP = 1 << 2
};

enum pw_tcp_flag { PW_TCP_FIN = 0x01, PW_TCP_SYN = 0x02, PW_TCP_RST = 0x04, PW_TCP_ACK = 0x10 };

#define PW_PARSE_FINE PW_PARSE_COUNT

struct pw_packet {
  struct pw_addr src;
  struct pw_addr dst;
  __u32 frame_len; /* bytes, with all fragments of the buffer */
  __u32 seq;       /* host order */
  __u32 ack;
  __u32 payload_off; /* from the frame's start */
  __u32 payload_len; /* by the IP length: Ethernet padding does not count */
  __be16 src_port;
  __be16 dst_port;
  __u8 family;    /* enum pw_family */
  __u8 layer;     /* enum pw_layer */
  __u8 tcp_flags; /* enum pw_tcp_flag */
  __u8 fragment;  /* enum pw_fragment */
  __u8 error;     /* enum pw_parse_error or PW_PARSE_FINE */
  __u8 pad[3];
};

#define PW_ETH_P_8021Q 0x8100
#define PW_ETH_P_8021AD 0x88a8
#define PW_MAX_VLAN_TAGS 2
#define PW_MAX_EXT_HEADERS 6
#define PW_JUMBO 65535u

struct pw_vlan_tag {
  __be16 tci;
  __be16 ether_type;
};

struct pw_ext_header {
  __u8 next;
  __u8 len;
  __be16 frag_off;
  __be32 id;
};

/* Reads the TCP header at `off`; `end` is where the IP packet ends. */
PW_GLOBAL int pw_parse_tcp(pw_ctx *ctx, struct pw_packet *pkt, __u32 off, __u32 end) {
  struct tcphdr tcp;
  if (!pkt) return 0;
  pkt->error = PW_PARSE_TCP;
  if (end < off || end - off < sizeof(tcp) || !pw_read(ctx, off, &tcp, sizeof(tcp))) return 0;
  /* doff counts 32-bit words; under 5 it would put the payload cursor inside this header. */
  const __u32 header_len = tcp.doff * 4;
  if (header_len < sizeof(tcp) || header_len > end - off) return 0;
  __u8 flags;
  __builtin_memcpy(&flags, (const __u8 *)&tcp + 13, 1);
  pkt->tcp_flags = flags & (PW_TCP_FIN | PW_TCP_SYN | PW_TCP_RST | PW_TCP_ACK);
  pkt->src_port = tcp.source;
  pkt->dst_port = tcp.dest;
  pkt->seq = bpf_ntohl(tcp.seq);
  pkt->ack = bpf_ntohl(tcp.ack_seq);
  pkt->payload_off = off + header_len;
  pkt->payload_len = end - off - header_len;
  pkt->layer = PW_LAYER_TCP;
  pkt->error = PW_PARSE_FINE;
  return 0;
}

PW_INLINE void pw_set_mapped(struct pw_addr *to, __be32 addr) {
  __u32 words[4] = {0, 0, bpf_htonl(0xffff), addr};
  __builtin_memcpy(to, words, sizeof(words));
}

PW_INLINE void pw_parse_ipv4(pw_ctx *ctx, struct pw_packet *pkt, __u32 off) {
  struct iphdr ip;
  if (!pw_read(ctx, off, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5) {
    pkt->error = PW_PARSE_IP;
    return;
  }
  const __u32 header_len = ip.ihl * 4;
  const __u32 room = pkt->frame_len - off;
  __u32 total = bpf_ntohs(ip.tot_len);
  /* A BIG TCP super-packet (generic XDP, tc) is longer than the field can say and has 0 there. */
  if (total == 0 && room > PW_JUMBO) total = room;
  if (total < header_len || total > room) {
    pkt->error = PW_PARSE_IP;
    return;
  }
  pkt->family = PW_FAMILY_IPV4;
  pkt->layer = PW_LAYER_IP;
  pw_set_mapped(&pkt->src, ip.saddr);
  pw_set_mapped(&pkt->dst, ip.daddr);

  const __u16 fragment = bpf_ntohs(ip.frag_off);
  if (fragment & 0x3fff) pkt->fragment |= PW_FRAGMENT_PART;
  if (fragment & 0x1fff) pkt->fragment |= PW_FRAGMENT_LATER;
  if (ip.protocol != IPPROTO_TCP) return;
  pkt->fragment |= PW_FRAGMENT_TCP;
  if (!(pkt->fragment & PW_FRAGMENT_LATER))
    PW_DO(pw_parse_tcp(ctx, pkt, off + header_len, off + total));
}

PW_INLINE bool pw_is_ext_header(__u32 next) {
  return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
         next == IPPROTO_FRAGMENT || next == IPPROTO_AH || next == IPPROTO_MH;
}

/* Walks over the extension header of type `next` at `off`. Returns the offset behind it << 8 | the
 * type that follows, or 0 when the walk ends here: cut header, or a later fragment. */
PW_GLOBAL __u64 pw_parse_ext(pw_ctx *ctx, struct pw_packet *pkt, __u32 off, __u32 end, __u32 next) {
  struct pw_ext_header ext;
  if (!pkt) return 0;
  if (off + sizeof(ext) > end || !pw_read(ctx, off, &ext, sizeof(ext))) {
    pkt->error = PW_PARSE_EXT_HEADER;
    return 0;
  }
  __u64 len = (ext.len + 1) * 8;
  if (next == IPPROTO_AH) len = (ext.len + 2) * 4; /* RFC 4302, 2.2: 32-bit words minus 2 */
  if (next == IPPROTO_FRAGMENT) {
    const __u16 fragment = bpf_ntohs(ext.frag_off);
    len = sizeof(ext);
    if (fragment & 0xfff9) pkt->fragment |= PW_FRAGMENT_PART;
    if (fragment & 0xfff8) {
      pkt->fragment |= PW_FRAGMENT_LATER;
      if (ext.next == IPPROTO_TCP) pkt->fragment |= PW_FRAGMENT_TCP;
      return 0;
    }
  }
  return (off + len) << 8 | ext.next;
}

PW_INLINE void pw_parse_ipv6(pw_ctx *ctx, struct pw_packet *pkt, __u32 off) {
  struct ipv6hdr ip;
  if (!pw_read(ctx, off, &ip, sizeof(ip)) || ip.version != 6) {
    pkt->error = PW_PARSE_IP;
    return;
  }
  const __u32 room = pkt->frame_len - off;
  __u32 total = sizeof(ip) + bpf_ntohs(ip.payload_len);
  if (ip.payload_len == 0 && room > PW_JUMBO) total = room; /* jumbogram, BIG TCP */
  if (total > room) {
    pkt->error = PW_PARSE_IP;
    return;
  }
  pkt->family = PW_FAMILY_IPV6;
  pkt->layer = PW_LAYER_IP;
  __builtin_memcpy(&pkt->src, &ip.saddr, sizeof(pkt->src));
  __builtin_memcpy(&pkt->dst, &ip.daddr, sizeof(pkt->dst));

  const __u32 end = off + total;
  __u32 next = ip.nexthdr;
  off += sizeof(ip);
  for (int i = 0; i < PW_MAX_EXT_HEADERS && pw_is_ext_header(next); i++) {
    const __u64 step = pw_parse_ext(ctx, pkt, off, end, next);
    if (!step) return;
    off = step >> 8;
    next = step & 0xff;
  }
  if (pw_is_ext_header(next)) {
    pkt->error = PW_PARSE_EXT_HEADER;
    return;
  }
  if (next != IPPROTO_TCP) return;
  pkt->fragment |= PW_FRAGMENT_TCP;
  PW_DO(pw_parse_tcp(ctx, pkt, off, end));
}

/* Fills `pkt` (zeroed by the caller). Never fails: what could not be read shows in layer and
 * error. An error of layer PW_LAYER_IP still leaves valid addresses. */
PW_GLOBAL int pw_parse(pw_ctx *ctx, struct pw_packet *pkt) {
  if (!pkt) return 0;
  pkt->error = PW_PARSE_FINE;
  pkt->frame_len = pw_frame_len(ctx);
  struct ethhdr eth __attribute__((aligned(4)));
  if (!pw_read(ctx, 0, &eth, sizeof(eth))) {
    pkt->error = PW_PARSE_ETH;
    return 0;
  }
  __u32 off = sizeof(eth);
  __u16 type = bpf_ntohs(eth.h_proto);
  for (int i = 0; i <= PW_MAX_VLAN_TAGS; i++) {
    if (type != PW_ETH_P_8021Q && type != PW_ETH_P_8021AD) break;
    struct pw_vlan_tag tag __attribute__((aligned(4)));
    if (i == PW_MAX_VLAN_TAGS || !pw_read(ctx, off, &tag, sizeof(tag))) {
      pkt->error = PW_PARSE_VLAN;
      return 0;
    }
    type = bpf_ntohs(tag.ether_type);
    off += sizeof(tag);
  }
  if (type == ETH_P_IP) {
    pw_parse_ipv4(ctx, pkt, off);
  } else if (type == ETH_P_IPV6) {
    pw_parse_ipv6(ctx, pkt, off);
  }
  return 0;
}

#endif
