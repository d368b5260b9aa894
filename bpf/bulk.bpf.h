/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "bulk": most segments that a server sends say nothing new. They are told from a look at the
 * headers where they lie and one flow, without a function call; whatever else there is goes the
 * whole way (parse, answer), which leaves the same behind for these. */
#ifndef PROBEWALL_BULK_BPF_H
#define PROBEWALL_BULK_BPF_H

#include "answer.bpf.h"

/* Of a flow of which nothing is to be captured: an ACK no further than the last, and bytes that
 * are no start of an answer. `off`: of the payload, in the frame. True: done with. */
PW_INLINE bool pw_says_nothing(pw_ctx *ctx, const struct tcphdr *tcp, __u32 off, __u32 len,
                               struct pw_flow *flow) {
  const __u32 seq = bpf_ntohl(tcp->seq);
  const __s32 step = pw_seq_distance(flow->server_ack, bpf_ntohl(tcp->ack_seq));
  if (!(flow->out_flags & PW_FLOW_ACK_SEEN) || step > 0 || step < -(__s32)PW_ACK_ADVANCE_MAX)
    return false;
  const bool fresh = pw_seq_distance(flow->server_seq, seq) >= 0;
  if (len && fresh && (flow->response_left || pw_starts_response(ctx, off, len, flow)))
    return false;
  if (pw_seq_distance(flow->server_seq, seq + len) > 0) flow->server_seq = seq + len;
  return true;
}

/* `room`: bytes from the TCP header to the end of the IP packet. `id`: all but the ports. */
PW_INLINE bool pw_is_bulk_tcp(pw_ctx *ctx, const struct tcphdr *tcp, __u32 off, __u32 room,
                              union pw_flow_words *id) {
  const __u8 flags = ((const __u8 *)tcp)[13];
  const __u32 header_len = tcp->doff * 4;
  if (header_len < sizeof(*tcp) || header_len > room) return false;
  const struct pw_port port = pw_port_of(tcp->source);
  if (!(port.flags & (PW_PORT_LLM | PW_PORT_DECOY))) return true;
  if ((flags & (PW_TCP_FIN | PW_TCP_SYN | PW_TCP_RST | PW_TCP_ACK)) != PW_TCP_ACK) return false;
  id->key.client_port = tcp->dest;
  id->key.server_port = tcp->source;
  struct pw_flow *flow = bpf_map_lookup_elem(&pw_flows, &id->key);
  return flow && pw_says_nothing(ctx, tcp, off + header_len, room - header_len, flow);
}

PW_INLINE bool pw_is_bulk_v4(pw_ctx *ctx) {
  const void *data = (void *)(long)ctx->data;
  const struct iphdr *ip = data + ETH_HLEN;
  const struct tcphdr *tcp = (const void *)(ip + 1);
  union pw_flow_words id = {.key.family = PW_FAMILY_IPV4};
  if ((const void *)(tcp + 1) > PW_DATA_END(ctx)) return false;
  const __u32 total = bpf_ntohs(ip->tot_len);
  if (*(const __u8 *)ip != 0x45 || ip->protocol != IPPROTO_TCP ||
      (ip->frag_off & bpf_htons(0x3fff)) || total < sizeof(*ip) || total > ctx->len - ETH_HLEN)
    return false;
  pw_set_mapped(&id.key.client, ip->daddr);
  pw_set_mapped(&id.key.server, ip->saddr);
  return pw_is_bulk_tcp(ctx, tcp, ETH_HLEN + sizeof(*ip), total - sizeof(*ip), &id);
}

PW_INLINE bool pw_is_bulk_v6(pw_ctx *ctx) {
  const void *data = (void *)(long)ctx->data;
  const struct ipv6hdr *ip = data + ETH_HLEN;
  const struct tcphdr *tcp = (const void *)(ip + 1);
  union pw_flow_words id = {.key.family = PW_FAMILY_IPV6};
  if ((const void *)(tcp + 1) > PW_DATA_END(ctx)) return false;
  const __u32 room = bpf_ntohs(ip->payload_len);
  if (ip->version != 6 || ip->nexthdr != IPPROTO_TCP || room > ctx->len - ETH_HLEN - sizeof(*ip))
    return false;
  __builtin_memcpy(&id.key.client, __builtin_assume_aligned(&ip->daddr, 4), 16);
  __builtin_memcpy(&id.key.server, __builtin_assume_aligned(&ip->saddr, 4), 16);
  return pw_is_bulk_tcp(ctx, tcp, ETH_HLEN + sizeof(*ip), room, &id);
}

/* True: the packet says nothing about any flow that has not been said. */
PW_INLINE bool pw_is_bulk(pw_ctx *ctx) {
  const __be16 *type = (void *)(long)ctx->data + offsetof(struct ethhdr, h_proto);
  if ((const void *)(type + 1) > PW_DATA_END(ctx)) return false;
  if (*type == bpf_htons(ETH_P_IP)) return pw_is_bulk_v4(ctx);
  return *type == bpf_htons(ETH_P_IPV6) && pw_is_bulk_v6(ctx);
}

#endif
