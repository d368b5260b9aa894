/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pw_counters: mmapable ARRAY[PW_MAX_CPUS * PW_MAX_INTERFACES], row = cpu * PW_MAX_INTERFACES +
 * slot. Each row is written by one CPU in softirq-safe context, so a plain add is enough. */
#ifndef PROBEWALL_ABI_COUNTERS_H
#define PROBEWALL_ABI_COUNTERS_H

#include "probewall/abi/common.h"
#include "probewall/abi/maps.h"
#include "probewall/abi/records.h"

enum pw_verdict {
  PW_VERDICT_PASS = 0,      /* nothing to say */
  PW_VERDICT_TAGGED,        /* passed with a tag from a block entry (feed or score) */
  PW_VERDICT_DROP_BAN,      /* dropped: detector, operator or fleet ban */
  PW_VERDICT_DROP_FEED,     /* dropped: feed entry */
  PW_VERDICT_RATE_LIMITED,  /* dropped: over its rate or capture budget */
  PW_VERDICT_ALLOWLISTED,   /* a block entry matched, the allow table saved it */
  PW_VERDICT_WOULD_DROP,    /* observe mode: a drop that was not made */
  PW_VERDICT_DROP_FRAGMENT, /* limits.drop_fragments */
  PW_VERDICT_MALFORMED,     /* passed, could not be parsed; see the parse error counters */
  PW_VERDICT_COUNT
};

enum pw_parse_error {
  PW_PARSE_ETH = 0,
  PW_PARSE_VLAN,
  PW_PARSE_IP,
  PW_PARSE_EXT_HEADER,
  PW_PARSE_TCP,
  PW_PARSE_COUNT
};

enum pw_event_count {
  PW_EVENT_FRAGMENT = 0,        /* non-first fragments seen (address rules only) */
  PW_EVENT_UNPROVEN,            /* payload packets to LLM ports without quick proof */
  PW_EVENT_UNPROVEN_OVER_SHARE, /* of those, not captured: the share for unproven packets was spent
                                 */
  PW_EVENT_SKIPPED_PACKETS, /* body packets not captured because user space does not need them */
  PW_EVENT_SKIPPED_BYTES,
  PW_EVENT_OVER_BUDGET_BYTES, /* payload bytes not captured: request budget spent */
  PW_EVENT_SYN_WITH_DATA,     /* payload in a SYN: never captured, never proof */
  PW_EVENT_FLOW_CREATE_FAILED,
  PW_EVENT_SOURCE_CREATE_FAILED,
  PW_EVENT_SYNACK_STORED,
  PW_EVENT_TC_MARK_FROM_META,   /* tc ingress: tag came by XDP metadata */
  PW_EVENT_TC_MARK_FROM_LOOKUP, /* tc ingress: tag by its own look-up */
  PW_EVENT_LLM_SYN,             /* SYNs to LLM ports: counted and shown, never scored */
  PW_EVENT_LOAD_FAILED,         /* reading payload bytes failed */
  PW_EVENT_COUNT
};

struct pw_counters {
  __u64 packets[PW_VERDICT_COUNT][PW_FAMILY_COUNT];
  __u64 bytes[PW_VERDICT_COUNT];
  __u64 parse_errors[PW_PARSE_COUNT];
  __u64 llm_packets[PW_SERVICE_COUNT];
  __u64 records[PW_RECORD_TYPE_COUNT];      /* submitted to a ring or perf buffer */
  __u64 records_lost[PW_RECORD_TYPE_COUNT]; /* reserve or output failed */
  __u64 events[PW_EVENT_COUNT];
};
PW_ASSERT_SIZE(struct pw_counters, (9 * 3 + 9 + 5 + 19 + 5 + 5 + 14) * 8);

#endif
