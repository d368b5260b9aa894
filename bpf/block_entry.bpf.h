/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What both kinds of block table agree on: which of two entries is in force, and until when. */
#ifndef PROBEWALL_BLOCK_ENTRY_BPF_H
#define PROBEWALL_BLOCK_ENTRY_BPF_H

#include "maps.bpf.h"

/* This CPU's last reading of the clock. `second` is written before `jiffies`: whoever finds the
 * current tick there finds its second too, also after interrupting a writer. */
struct pw_clock {
  __u64 jiffies;
  __u64 second;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct pw_clock);
} pw_clock SEC(".maps");

/* CLOCK_BOOTTIME in seconds, read anew once a tick: reading it costs more than a cached look-up.
 * Ticks stand still during suspend and boot time does not, so the first tick after it catches up;
 * all 64 bits of the tick counter are compared, so it cannot come round. */
PW_INLINE __u32 pw_boottime_s(void) {
  const __u32 zero = 0;
  volatile struct pw_clock *clock = bpf_map_lookup_elem(&pw_clock, &zero);
  const __u64 jiffies = bpf_jiffies64();
  if (clock && clock->jiffies == jiffies) return clock->second;
  const __u64 second = bpf_ktime_get_boot_ns() / 1000000000ull;
  if (clock) {
    clock->second = second;
    clock->jiffies = jiffies;
  }
  return second;
}

PW_INLINE bool pw_entry_live(const struct pw_block_entry *entry) {
  return entry->expires_s == PW_NEVER_EXPIRES || pw_boottime_s() < entry->expires_s;
}

/* Keeps the stronger of two; expired entries do not exist. */
PW_INLINE void pw_block_consider(struct pw_block_entry *best, const struct pw_block_entry *entry) {
  if (pw_action_rank(entry->action) > pw_action_rank(best->action) && pw_entry_live(entry))
    *best = *entry;
}

#endif
