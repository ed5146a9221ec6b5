/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What napi_watch.bpf.c and its user space (starocean/bench/napi_watch.cc) share. Included by C for BPF and by C++. */
#ifndef STAROCEAN_BPF_NAPI_WATCH_H
#define STAROCEAN_BPF_NAPI_WATCH_H

#include <linux/types.h>

#define NAPI_WATCH_DEVICES 4

struct napi_watch_device {
	__u32 ifindex;
	__u32 net_inum; /* of its network namespace */
};

struct napi_watch_counts {
	__u64 polls;
	__u64 frames;
};

#endif
