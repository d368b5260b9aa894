/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The whole shipped XDP program, its sources from a list (sources.bpf.h). */
#define PW_HOOK_XDP 1
#include "bench/sources.bpf.h"
/* what the program is */
#include "xdp_filter.bpf.c"
