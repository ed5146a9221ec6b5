/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What cpu_thief.bpf.c and its user space (starocean/bench/cpu_thief.cc) share. Included by C for BPF and by C++. */
#ifndef STAROCEAN_BPF_CPU_THIEF_H
#define STAROCEAN_BPF_CPU_THIEF_H

#include <linux/types.h>

struct cpu_thief_state {
	__u64 taken_ns; /* so far */
	__u64 pieces;
};

#endif
