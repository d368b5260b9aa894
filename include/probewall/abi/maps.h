/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys and values of the pinned maps. Who writes what: the guard writes block, allow, ports and
 * settings; the worker writes pw_skip only; the rest is written by the programs. */
#ifndef PROBEWALL_ABI_MAPS_H
#define PROBEWALL_ABI_MAPS_H

#include "probewall/abi/common.h"

/* ---- block and allow tables -------------------------------------------------------------- */

enum pw_block_action {
  PW_ACTION_NONE = 0,
  PW_ACTION_DROP = 1,
  PW_ACTION_TAG = 2,
  PW_ACTION_RATE_LIMIT = 3
};

/* Which of two entries in force wins: the one that takes more from a source. */
static inline __attribute__((always_inline)) int pw_action_rank(__u8 action) {
  switch (action) {
    case PW_ACTION_DROP:
      return 3;
    case PW_ACTION_RATE_LIMIT:
      return 2;
    case PW_ACTION_TAG:
      return 1;
    default:
      return 0;
  }
}
enum pw_block_origin {
  PW_ORIGIN_DETECTOR = 0,
  PW_ORIGIN_FEED = 1,
  PW_ORIGIN_FLEET = 2,
  PW_ORIGIN_OPERATOR = 3,
  PW_ORIGIN_COUNT = 4
};

#define PW_NEVER_EXPIRES 0xffffffffu

struct pw_block_entry {
  __u32 expires_s; /* CLOCK_BOOTTIME seconds; in force while now < expires_s; PW_NEVER_EXPIRES: for
                      good */
  __u32 handle;    /* decision handle, 0: none */
  __u8 action;     /* enum pw_block_action */
  __u8 origin;     /* enum pw_block_origin */
  __u8 prefix_len; /* own prefix length: an expired LPM match retries with prefix_len - 1 */
  __u8 tag_bits;   /* with ACTION_TAG: enum pw_tag_bit */
};
PW_ASSERT_SIZE(struct pw_block_entry, 12);

struct pw_lpm_v4_key {
  __u32 prefix_len; /* 0..32 */
  __be32 addr;
};
PW_ASSERT_SIZE(struct pw_lpm_v4_key, 8);

struct pw_lpm_v6_key {
  __u32 prefix_len; /* 0..128 */
  __u8 addr[16];
};
PW_ASSERT_SIZE(struct pw_lpm_v6_key, 20);

enum pw_allow_scope {
  PW_ALLOW_ALL = 1 << 0,     /* every packet of this source passes */
  PW_ALLOW_SSH_PORT = 1 << 1 /* only packets to a port flagged PW_PORT_SSH pass */
};
enum pw_allow_reason {
  PW_ALLOW_OWN_ADDRESS = 1 << 0,
  PW_ALLOW_GATEWAY = 1 << 1,
  PW_ALLOW_DNS = 1 << 2,
  PW_ALLOW_TRUSTED_PROXY = 1 << 3,
  PW_ALLOW_FLEET = 1 << 4,
  PW_ALLOW_OPERATOR = 1 << 5,
  PW_ALLOW_SSH_PEER = 1 << 6,
  PW_ALLOW_CONFIG = 1 << 7
};
struct pw_allow_entry {
  __u8 scope;  /* enum pw_allow_scope */
  __u8 reason; /* enum pw_allow_reason, or-ed */
  __u8 pad[2];
};
PW_ASSERT_SIZE(struct pw_allow_entry, 4);

/* pw_allow_hints: mmapable ARRAY of u64, one bit each. No bit set for an address: no allow entry
 * covers it, so that most packets about to be dropped need no look into the tries. IPv4: one bit
 * per /16. IPv6: one per /16 for prefixes shorter than /32, one per hashed /32 for the others. Set
 * before an entry comes and cleared after it went; a start sets them right. */
#define PW_ALLOW_V4_BIT(host) ((host) >> 16)
#define PW_ALLOW_V6_SHORT_BIT(first) (0x10000u + ((first) >> 16)) /* first: 32 bits, host order */
#define PW_ALLOW_V6_BIT(first) (0x20000u + (((first)*0x9e3779b1u) >> 16))
#define PW_ALLOW_HINT_WORDS (0x30000u / 64)

/* ---- ports ------------------------------------------------------------------------------- */

enum pw_port_flag { PW_PORT_LLM = 1 << 0, PW_PORT_DECOY = 1 << 1, PW_PORT_SSH = 1 << 2 };
/* Default product of a port, for metrics only. */
enum pw_service {
  PW_SERVICE_OTHER = 0,
  PW_SERVICE_OLLAMA,
  PW_SERVICE_LLAMACPP,
  PW_SERVICE_LMSTUDIO,
  PW_SERVICE_LOCALAI,
  PW_SERVICE_VLLM,
  PW_SERVICE_SGLANG,
  PW_SERVICE_TGI,
  PW_SERVICE_TEXTGEN,
  PW_SERVICE_KOBOLDCPP,
  PW_SERVICE_XINFERENCE,
  PW_SERVICE_LITELLM,
  PW_SERVICE_OPENWEBUI,
  PW_SERVICE_JAN,
  PW_SERVICE_GPT4ALL,
  PW_SERVICE_RAY,
  PW_SERVICE_MCP,
  PW_SERVICE_DECOY,
  PW_SERVICE_TRITON,
  PW_SERVICE_COUNT
};
struct pw_port { /* pw_ports: ARRAY[65536], index = port in host order */
  __u8 flags;    /* enum pw_port_flag */
  __u8 service;  /* enum pw_service */
  __u8 pad[6];
};
PW_ASSERT_SIZE(struct pw_port, 8);

/* ---- settings ---------------------------------------------------------------------------- */

enum pw_tag_bit { /* bit n of a tag is bit (lowest set bit of tag_mask) + n of skb->mark */
                  PW_TAG_LLM_PORT = 1 << 0,
                  PW_TAG_FEED = 1 << 1,
                  PW_TAG_SUSPECT = 1 << 2,
                  PW_TAG_RATE_LIMITED = 1 << 3
};

struct pw_settings {         /* pw_settings: ARRAY[1], written by the guard */
  __u64 hash_seed[2];        /* per boot, secret: slot and ring choice */
  __u64 capture_bytes_per_s; /* proven bytes one source may put into the ring; 0: no limit */
  __u64 capture_burst_bytes;
  __u32 rate_requests_per_s; /* new requests per source to LLM ports; 0: no limit */
  __u32 rate_burst;
  __u32 unproven_per_s; /* unproven capture records per CPU and second */
  __u32 request_budget; /* payload bytes captured per request, at most PW_CAP_MAX */
  __u32 max_skip;       /* bytes a skip may reach ahead (limits.body_bytes) */
  __u32 tag_mask;       /* bits of skb->mark we own; 0: no tagging */
  __u32 tag_shift;      /* lowest set bit of tag_mask */
  __u32 ring_workers; /* 1..PW_MAX_WORKERS; ring index = worker * ring_groups + cpu % ring_groups */
  __u32 ring_groups;
  __u8 enforcing;          /* 0: would-be drops are counted and passed */
  __u8 llm_scope_only;     /* block.scope = "llm": drop only packets to LLM and decoy ports */
  __u8 drop_fragments;     /* drop TCP fragments */
  __u8 ipv6_source_prefix; /* 64: how sources are told apart for budgets and rings */
  __u32 enforce_until_s; /* CLOCK_BOOTTIME seconds: as if `enforcing` were 0 from then on; 0: no end
                          */
  __u8 pad[4];           /* zero */
};
PW_ASSERT_SIZE(struct pw_settings, 80);

/* pw_need_wake: mmapable ARRAY[rings] of __u64, one word per ring. The reader sets 1 before it
 * sleeps; the programs exchange it for 0 after they reserved and wake the reader only when it
 * was 1. */

/* ---- numbers of the kernel steps that their software twin shares ---------------------------- */

#define PW_ACK_ADVANCE_MAX                                                                      \
  (1u << 20)                         /* bytes one ACK may advance and still count as an advance \
                                      */
#define PW_PENDING_WINDOW (1u << 24) /* bytes past the last ACK that may wait for proof */
#define PW_ANCHOR_WINDOW (1u << 30)  /* bytes past the ISNs that still belong to that SYN-ACK */
#define PW_RESPONSE_CAPTURE 768u     /* bytes captured of each answer */
#define PW_LIMITED_REQUESTS_PER_S 1u /* bucket of a source whose block entry says RATE_LIMIT */
#define PW_LIMITED_BURST 4u

/* ---- flow, proof, source state ------------------------------------------------------------- */

#define PW_SYNACK_SLOTS 262144u /* power of two */
struct pw_synack_slot { /* pw_synack: mmapable ARRAY; both words carry the tag, so a torn slot
                           cannot match */
  __u64 server_isn1;    /* tag << 32 | server_isn + 1 */
  __u64 client_isn1;    /* upper half of the tag << 48 | spoken << 32 | client_isn + 1 */
};
/* `spoken`: bytes that the server has sent to a client of which no payload was seen yet, as it does
 * where its protocol lets it speak first (HTTP/2's SETTINGS). More than that is not followed. */
#define PW_SPOKEN_MAX 0xffffu
#define PW_SYNACK_CLIENT(tag, spoken, isn1) \
  ((__u64)((tag) >> 16) << 48 | (__u64)(spoken) << 32 | (isn1))
#define PW_SYNACK_SPOKEN(client) ((__u32)((client) >> 32) & PW_SPOKEN_MAX)
PW_ASSERT_SIZE(struct pw_synack_slot, 16);

enum pw_flow_in_flag {
  PW_FLOW_PROVEN = 1 << 0,
  PW_FLOW_ANCHORED = 1 << 1,
  PW_FLOW_BUDGET_SPENT = 1 << 2,
  PW_FLOW_HTTP2 = 1 << 3 /* the client's HTTP/2 preface was seen: HEADERS frames are requests */
};
enum pw_flow_out_flag { PW_FLOW_ACK_SEEN = 1 << 0, PW_FLOW_ACK_ADVANCED = 1 << 1 };
struct pw_flow { /* pw_flows: LRU_HASH[pw_flow_key]; sequence numbers in host order */
  /* written by XDP (ingress) only, after creation */
  __u64 created_ns;
  __u32 next_seq;      /* expected next client byte, meaningful with PW_FLOW_PROVEN */
  __u32 client_isn1;   /* with PW_FLOW_ANCHORED */
  __u32 budget_seq;    /* where the running request's budget was granted */
  __u32 captured;      /* bytes captured under it */
  __u32 pending_end;   /* end of the furthest captured segment that waits for proof */
  __u16 pending_count; /* wraps; differs from acked_count while bytes wait */
  __u16 in_flags;
  __u32 skip_slot;
  __u32 skip_tag; /* never 0 */
  /* written by tc egress only, after creation */
  __u32 server_ack;    /* last acknowledgment seen, valid with PW_FLOW_ACK_SEEN; resets use it as
                          sequence */
  __u32 server_seq;    /* sequence of the server's next byte */
  __u32 response_left; /* bytes of the running answer still to capture */
  __u16 acked_count;
  __u16 out_flags;
};
PW_ASSERT_SIZE(struct pw_flow, 56);

struct pw_source_key { /* IPv4: /32 mapped; IPv6: masked to ipv6_source_prefix */
  struct pw_addr addr;
};
struct pw_source { /* pw_sources: LRU_HASH; token buckets, spent by proven packets only */
  __u64 refill_ns;
  __u64 capture_tokens; /* bytes */
  __u64 request_tokens; /* requests * 1000 */
};
PW_ASSERT_SIZE(struct pw_source, 24);

struct pw_unproven_bucket { /* PERCPU_ARRAY[1] */
  __u64 refill_ns;
  __u64 tokens; /* records * 1000 */
};
PW_ASSERT_SIZE(struct pw_unproven_bucket, 16);

#endif
