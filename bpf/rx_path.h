/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What rx_path.bpf.c and its user space (starocean/bench/rx_kernel_rungs.cc) share. C for BPF, and C++. */
#ifndef STAROCEAN_BPF_RX_PATH_H
#define STAROCEAN_BPF_RX_PATH_H

/* The one thing that every rung asks of a packet: IPv4, UDP, to this port. */
#define RX_PATH_PORT 7000

/* Keys of the map of counts. */
#define RX_PATH_DROPPED 0
#define RX_PATH_PASSED 1 /* not ours: left to Linux */
#define RX_PATH_COUNTS 2

#endif
