/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flow table and SYN-ACK array. Ingress fields of a flow are written by XDP only, egress fields by
 * tc egress only (they run on different CPUs); creation fills both. */
#ifndef PROBEWALL_FLOW_BPF_H
#define PROBEWALL_FLOW_BPF_H

#include "hash.bpf.h"
#include "run.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, struct pw_flow_key);
  __type(value, struct pw_flow);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PW_SYNACK_SLOTS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct pw_synack_slot);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_synack SEC(".maps");

#define PW_READ_ONCE(field) (*(const volatile __typeof__(field) *)&(field))
#define PW_WRITE_ONCE(field, value) (*(volatile __typeof__(field) *)&(field) = (value))

PW_INLINE struct pw_synack_slot *pw_synack_slot_of(__u64 hash) {
  __u32 index = (__u32)hash & (PW_SYNACK_SLOTS - 1);
  return bpf_map_lookup_elem(&pw_synack, &index);
}
PW_INLINE __u32 pw_synack_tag(__u64 hash) { return hash >> 32; }

/* The key of the flow this client packet belongs to. */
PW_INLINE void pw_client_key(const struct pw_packet *pkt, union pw_flow_words *id) {
  __builtin_memset(id, 0, sizeof(*id));
  id->key.client = pkt->src;
  id->key.server = pkt->dst;
  id->key.client_port = pkt->src_port;
  id->key.server_port = pkt->dst_port;
  id->key.family = pkt->family;
}

/* The same for a packet of the server. */
PW_INLINE void pw_server_key(const struct pw_packet *pkt, union pw_flow_words *id) {
  __builtin_memset(id, 0, sizeof(*id));
  id->key.client = pkt->dst;
  id->key.server = pkt->src;
  id->key.client_port = pkt->dst_port;
  id->key.server_port = pkt->src_port;
  id->key.family = pkt->family;
}

#endif
