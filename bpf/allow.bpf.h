/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "allow": asked only when a packet is about to be dropped, so benign traffic pays nothing. */
#ifndef PROBEWALL_ALLOW_BPF_H
#define PROBEWALL_ALLOW_BPF_H

#include "run.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 4096);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct pw_lpm_v4_key);
  __type(value, struct pw_allow_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_allow_lpm4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 4096);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct pw_lpm_v6_key);
  __type(value, struct pw_allow_entry);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_allow_lpm6 SEC(".maps");

/* Prefilter of the two above; see abi/maps.h. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PW_ALLOW_HINT_WORDS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, __u64);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_allow_hints SEC(".maps");

PW_INLINE bool pw_allow_bit(__u32 bit) {
  const __u32 index = bit / 64;
  const __u64 *word = bpf_map_lookup_elem(&pw_allow_hints, &index);
  return !word || (*word >> (bit % 64)) & 1;
}

/* May an allow entry cover this address (host order)? */
PW_INLINE bool pw_allow_hint_v4(__u32 host) { return pw_allow_bit(PW_ALLOW_V4_BIT(host)); }

/* Likewise; `hi`: the first 8 bytes, network order. */
PW_INLINE bool pw_allow_hint_v6(__u64 hi) {
  const __u32 first = bpf_be64_to_cpu(hi) >> 32;
  return pw_allow_bit(PW_ALLOW_V6_SHORT_BIT(first)) || pw_allow_bit(PW_ALLOW_V6_BIT(first));
}

struct pw_allow_walk {
  __u32 family;
  __u32 wanted; /* scopes that save this packet */
  __u32 allowed;
  union {
    struct pw_lpm_v4_key v4;
    struct pw_lpm_v6_key v6;
  };
};

static long pw_allow_step(__u32 index, void *state) {
  struct pw_allow_walk *walk = state;
  const struct pw_allow_entry *entry =
      walk->family == PW_FAMILY_IPV4
          ? (const struct pw_allow_entry *)bpf_map_lookup_elem(&pw_allow_lpm4, &walk->v4)
          : (const struct pw_allow_entry *)bpf_map_lookup_elem(&pw_allow_lpm6, &walk->v6);
  if (!entry) return 1;
  if (entry->scope & walk->wanted) {
    walk->allowed = 1;
    return 1;
  }
  /* A narrow SSH entry must not hide a wide allow-all. Allow entries do not carry their length,
   * so go down one bit at a time; only logged-in SSH peers ever walk this. */
  if (walk->v4.prefix_len == 0) return 1;
  walk->v4.prefix_len--;
  return 0;
}

/* Does any allow entry of one of the scopes `wanted` cover `addr`? */
PW_GLOBAL int pw_allow_match(const struct pw_addr *addr, __u32 family, __u32 wanted) {
  struct pw_allow_walk walk = {};
  if (!addr) return 0;
  walk.family = family;
  walk.wanted = wanted;
  if (family == PW_FAMILY_IPV4) {
    walk.v4.addr = pw_mapped_v4(addr);
    walk.v4.prefix_len = 32;
  } else {
    pw_copy_addr(walk.v6.addr, addr);
    walk.v6.prefix_len = 128;
  }
  if (!pw_allow_step(0, &walk)) bpf_loop(128, pw_allow_step, &walk, 0);
  return walk.allowed != 0;
}

/* Without an entry near it, which is the usual case, no trie is asked. */
PW_INLINE bool pw_allow_hint(const struct pw_packet *pkt) {
  __u64 half[2];
  if (pkt->family == PW_FAMILY_IPV4) return pw_allow_hint_v4(bpf_ntohl(pw_mapped_v4(&pkt->src)));
  pw_copy_addr(half, &pkt->src);
  return pw_allow_hint_v6(half[0]);
}

PW_INLINE bool pw_allowed(const struct pw_run *run) {
  if (!pw_allow_hint(&run->pkt)) return false;
  __u32 wanted = PW_ALLOW_ALL;
  if (run->pkt.layer == PW_LAYER_TCP && (run->port.flags & PW_PORT_SSH))
    wanted |= PW_ALLOW_SSH_PORT;
  return pw_allow_match(&run->pkt.src, run->pkt.family, wanted);
}

/* An operator's `enforce on --confirm` runs out by itself, also when the daemon is dead. */
PW_INLINE bool pw_enforcing(const struct pw_settings *cfg) {
  if (!cfg->enforcing) return false;
  const __u32 until_s = cfg->enforce_until_s;
  return until_s == 0 || bpf_ktime_get_boot_ns() / 1000000000ull < until_s;
}

/* Gate that every drop goes through. True: drop now, counted as `verdict`. False: pass; the
 * packet's verdict says why (allow table, observe mode). */
PW_INLINE bool pw_drop_gate(struct pw_run *run, __u32 verdict) {
  if (pw_allowed(run)) {
    run->verdict = PW_VERDICT_ALLOWLISTED;
    run->allowlisted = 1;
    return false;
  }
  if (!pw_enforcing(run->cfg)) {
    run->verdict = PW_VERDICT_WOULD_DROP;
    return false;
  }
  run->verdict = verdict;
  return true;
}

#endif
