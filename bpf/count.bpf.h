/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "count": this CPU's row of pw_counters. Plain adds: the row has one writer (hosts with more
 * than PW_MAX_CPUS processors share rows and may lose counts). */
#ifndef PROBEWALL_COUNT_BPF_H
#define PROBEWALL_COUNT_BPF_H

#include "maps.bpf.h"
#include "probewall/abi/counters.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PW_MAX_CPUS *PW_MAX_INTERFACES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct pw_counters);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_counters SEC(".maps");

PW_INLINE struct pw_counters *pw_counter_row(void) {
  __u32 row = bpf_get_smp_processor_id() * PW_MAX_INTERFACES + pw_interface_slot;
  row &= PW_MAX_CPUS * PW_MAX_INTERFACES - 1;
  return bpf_map_lookup_elem(&pw_counters, &row);
}

PW_INLINE void pw_count_event(struct pw_counters *row, enum pw_event_count what, __u64 n) {
  row->events[what] += n;
}

#endif
