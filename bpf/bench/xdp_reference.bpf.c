/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The whole shipped XDP program over the reference block tables, its sources from a list
 * (sources.bpf.h). Tests hold the shipped tables equal to these. */
#define PW_HOOK_XDP 1
#define PW_BLOCK_REFERENCE 1
#include "bench/sources.bpf.h"
/* what the program is */
#include "xdp_filter.bpf.c"
