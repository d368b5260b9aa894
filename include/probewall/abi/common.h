/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every ABI header needs: fixed-width types and a size assertion that both compilers check. */
#ifndef PROBEWALL_ABI_COMMON_H
#define PROBEWALL_ABI_COMMON_H

#include <linux/types.h>

#ifdef __cplusplus
#define PW_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type " ABI")
#else
#define PW_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " ABI")
#endif

/* Raised when a pinned map or a record changes shape; also the name of the pin directory, "v<N>".
 */
#define PW_ABI_VERSION 1

#define PW_MAX_INTERFACES 16
#define PW_MAX_CPUS 256
#define PW_MAX_WORKERS 16

/* Address families as the counters and keys spell them. */
enum pw_family { PW_FAMILY_OTHER = 0, PW_FAMILY_IPV4 = 1, PW_FAMILY_IPV6 = 2, PW_FAMILY_COUNT = 3 };

/* An address in network order; IPv4 is stored IPv4-mapped (::ffff:a.b.c.d). */
struct pw_addr {
  __u8 bytes[16];
};
PW_ASSERT_SIZE(struct pw_addr, 16);

/* One TCP connection, always seen from the client: both directions give the same key. */
struct pw_flow_key {
  struct pw_addr client;
  struct pw_addr server;
  __be16 client_port;
  __be16 server_port;
  __u8 family; /* enum pw_family: IPV4 or IPV6 */
  __u8 pad[3]; /* zero: the key is hashed as bytes */
};
PW_ASSERT_SIZE(struct pw_flow_key, 40);

#endif
