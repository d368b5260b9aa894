/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records from the kernel to user space, over ring or perf buffer: one pw_record header, then
 * `cap_len` bytes. The software twin used by replay writes the same bytes. */
#ifndef PROBEWALL_ABI_RECORDS_H
#define PROBEWALL_ABI_RECORDS_H

#include "probewall/abi/common.h"

enum pw_record_type {
  PW_RECORD_CAPTURE = 1,  /* XDP: client payload to an LLM or decoy port */
  PW_RECORD_ACK = 2,      /* tc egress: the server's ACK advanced while bytes wait for proof */
  PW_RECORD_RESPONSE = 3, /* tc egress: first bytes of an answer */
  PW_RECORD_CLOSE = 4,    /* either side closed; `flags` says who and how; no bytes follow */
  PW_RECORD_TYPE_COUNT = 5
};

enum pw_record_flag {
  /* CAPTURE: these bytes are proven to come from the client's address (DESIGN 2.1, rules 1 and 2).
   */
  PW_RECORD_PROVEN = 1 << 0,
  /* `isn1` holds client_isn+1, remembered from the server's SYN-ACK. */
  PW_RECORD_ANCHORED = 1 << 1,
  /* CAPTURE: the segment carried FIN. CLOSE: closed by FIN. */
  PW_RECORD_FIN = 1 << 2,
  /* CLOSE: closed by RST. */
  PW_RECORD_RST = 1 << 3,
  /* CLOSE, RESPONSE, ACK: sent by the server. */
  PW_RECORD_FROM_SERVER = 1 << 4,
  /* CAPTURE: the budget was used up before this segment and some bytes went uncaptured; this
   * segment begins with a request line at the expected sequence, so parsing can start again. */
  PW_RECORD_RESYNC = 1 << 5,
  /* RESPONSE: first bytes of an answer ("HTTP/1."); clear: continues the one before. */
  PW_RECORD_RESPONSE_START = 1 << 6,
  /* The server port is one of the daemon's decoys. */
  PW_RECORD_DECOY = 1 << 7,
  /* The source has a block-table entry with action TAG from a feed. */
  PW_RECORD_FEED_TAGGED = 1 << 8
};

struct pw_record {
  __u64 time_ns; /* CLOCK_MONOTONIC when the packet was seen; replay: pcap time, Unix epoch */
  struct pw_flow_key flow;
  __u32 seq; /* host order. CAPTURE, RESPONSE: of the first byte that follows; ACK, CLOSE: of the
                segment */
  __u32 ack; /* host order: the segment's acknowledgment field */
  __u32 prev_ack;    /* ACK: the server's acknowledgment before this advance */
  __u32 isn1;        /* client_isn+1, valid with PW_RECORD_ANCHORED */
  __u32 payload_len; /* TCP payload bytes from `seq` to the segment's end; cap_len < payload_len:
                        cut */
  __u32 skip_slot;   /* index into pw_skip for this flow */
  __u32 skip_tag;    /* tag to store there; 0: this flow takes no skip */
  __u16 cap_len;     /* bytes that follow this header */
  __u16 flags;       /* enum pw_record_flag */
  __u8 type;         /* enum pw_record_type */
  __u8 abi_version;  /* PW_ABI_VERSION */
  __u8 interface_slot;
  __u8 service; /* enum pw_service of the port */
  __u8 pad[4];  /* zero */
};
PW_ASSERT_SIZE(struct pw_record, 88);

/* Largest cap_len the kernel writes. */
#define PW_CAP_MAX 8192

/* One word of pw_skip (mmapable array, written only by the worker with one aligned 8-byte store):
 * tag in the high half, resume sequence in the low half. XDP drops capture of bytes before
 * `resume` and grants a new request budget from there on. `resume` at or before the bytes already
 * seen only grants budget. Ignored when the tag differs or resume is further than
 * pw_settings.max_skip bytes ahead. */
#define PW_SKIP_SLOTS 65536u
#define PW_SKIP_WORD(tag, resume) (((__u64)(tag) << 32) | (__u32)(resume))

#endif
