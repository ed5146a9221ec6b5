// Kernel interface of AF_XDP, with what Debian 12's headers (Linux 6.1) do not have yet.
// Source: include/uapi/linux/if_xdp.h and Documentation/networking/af_xdp.rst of Linux 6.18.
#pragma once

#include <linux/if_xdp.h>
#include <sys/socket.h>

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)  // bind flag, Linux 6.6: packets of several frames
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)  // descriptor option: the packet goes on in the next descriptor
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9  // socket option, Linux 6.17: packets per sendto() in copy mode
#endif
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69  // Linux 5.11
#endif
#ifndef SO_BUSY_POLL_BUDGET
#define SO_BUSY_POLL_BUDGET 70  // Linux 5.11
#endif
