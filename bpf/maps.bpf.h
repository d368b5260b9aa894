/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps that every program reads. Each other map is declared in the header of the step that uses
 * it, once; so an object holds exactly the maps of the steps it includes. All are pinned by name:
 * separately loaded objects share them. Sizes given here are defaults; the loader sets them. */
#ifndef PROBEWALL_MAPS_BPF_H
#define PROBEWALL_MAPS_BPF_H

#include "context.bpf.h"
#include "probewall/abi/maps.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct pw_settings);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, struct pw_port);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} pw_ports SEC(".maps");

PW_INLINE const struct pw_settings *pw_get_settings(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&pw_settings, &zero);
}

PW_INLINE struct pw_port pw_port_of(__be16 number) {
  __u32 index = bpf_ntohs(number);
  const struct pw_port *found = bpf_map_lookup_elem(&pw_ports, &index);
  struct pw_port port = {};
  if (found) {
    port.flags = found->flags;
    port.service = found->service;
  }
  return port;
}

/* To the compiler, x is another number from here on: it forgets what it knows of it. */
#define PW_ANEW(x) asm volatile("" : "+r"(x))

#endif
