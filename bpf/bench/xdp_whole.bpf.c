/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The whole shipped XDP program without its quick step: every packet goes all the way. A test holds
 * the shipped program equal to this one. */
#define PW_HOOK_XDP 1
#define PW_NO_QUICK 1
#include "bench/sources.bpf.h"
/* what the program is */
#include "xdp_filter.bpf.c"
