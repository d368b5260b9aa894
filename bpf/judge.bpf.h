/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Step "verdict": what the tables say about a packet with a known address. Shared by XDP, which
 * acts on it, and by tc ingress, which only tags. */
#ifndef PROBEWALL_JUDGE_BPF_H
#define PROBEWALL_JUDGE_BPF_H

#include "allow.bpf.h"
#ifdef PW_BLOCK_REFERENCE
#include "block_reference.bpf.h"
#else
#include "block.bpf.h"
#endif

/* Tag of a source whose DROP entry is not acted upon (observe mode). */
PW_INLINE __u8 pw_tag_of_ban(const struct pw_block_entry *entry) {
  return entry->origin == PW_ORIGIN_FEED ? PW_TAG_FEED : PW_TAG_SUSPECT;
}

/* Does a DROP entry concern this packet? Under llm_scope_only: TCP to an LLM or decoy port, and
 * what may be that but shows no port (fragments, headers that end early), as a banned source would
 * else get through with a first fragment of 8 bytes. */
PW_INLINE bool pw_in_drop_scope(const struct pw_run *run) {
  if (!run->cfg->llm_scope_only || pw_is_llm(run)) return true;
  return run->pkt.layer == PW_LAYER_IP &&
         (run->pkt.error != PW_PARSE_FINE || (run->pkt.fragment & PW_FRAGMENT_TCP));
}

/* True: drop. Sets verdict and tag bits. */
PW_INLINE bool pw_judge_entry(struct pw_run *run, const struct pw_block_entry *entry) {
  switch (entry->action) {
    case PW_ACTION_DROP:
      if (!pw_in_drop_scope(run)) return false;
      if (pw_drop_gate(
              run, entry->origin == PW_ORIGIN_FEED ? PW_VERDICT_DROP_FEED : PW_VERDICT_DROP_BAN))
        return true;
      if (!run->allowlisted) run->tag_bits |= pw_tag_of_ban(entry);
      return false;
    case PW_ACTION_RATE_LIMIT:
      run->limited = 1;
      run->tag_bits |= PW_TAG_RATE_LIMITED;
      run->verdict = PW_VERDICT_TAGGED;
      return false;
    case PW_ACTION_TAG:
      run->feed_tagged = entry->origin == PW_ORIGIN_FEED;
      run->tag_bits |= entry->tag_bits;
      run->verdict = PW_VERDICT_TAGGED;
      return false;
    default:
      return false;
  }
}

/* Looks up what the verdict rests on: the port, and whether the source may be in a table. */
PW_INLINE void pw_recognise(struct pw_run *run) {
  if (run->pkt.layer == PW_LAYER_TCP) run->port = pw_port_of(run->pkt.dst_port);
  run->hint = pw_block_hint(&run->pkt.src, run->pkt.family);
}

/* Most packets: nothing wrong with it, to no port of ours, from a source that no table knows. */
PW_INLINE bool pw_is_plain(const struct pw_run *run) {
  return !run->hint && !pw_is_llm(run) && run->pkt.error == PW_PARSE_FINE &&
         !(run->pkt.fragment & (PW_FRAGMENT_PART | PW_FRAGMENT_LATER));
}

/* After pw_recognise. True: drop. Sets verdict and tag bits. */
PW_LOCAL bool pw_judge(struct pw_run *run) {
  struct pw_block_entry entry;
  if (pw_is_llm(run)) run->tag_bits |= PW_TAG_LLM_PORT;
  if (run->hint && pw_block_match(&run->pkt.src, run->pkt.family, run->hint, &entry) &&
      pw_judge_entry(run, &entry))
    return true;
  const __u8 tcp_part = PW_FRAGMENT_PART | PW_FRAGMENT_TCP;
  return run->cfg->drop_fragments && (run->pkt.fragment & tcp_part) == tcp_part &&
         pw_drop_gate(run, PW_VERDICT_DROP_FRAGMENT);
}

#endif
