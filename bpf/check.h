/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the checker's program (check.bpf.c) and its user space (starocean/bench/receiver.cc) share.
 * Included by C for BPF and by C++.
 */
#ifndef STAROCEAN_BPF_CHECK_H
#define STAROCEAN_BPF_CHECK_H

#include <linux/types.h>

#include "probe.h"

/*
 * Of one flow; one cache line. All zero: nothing seen. Its window of sequences, 1 << words_log2 words of 64
 * bits, follows it in the same entry of the map: with many flows each page that is touched costs a TLB miss.
 */
struct check_flow {
	__u64 next; /* highest sequence seen + 1, unwrapped to 64 bits */
	__u64 received; /* every frame of the flow, whatever else it is counted as */
	__u64 delays;   /* frames whose delay was taken: intact first copies */
	__u64 delay_sum_ns;
	__u64 delay_max_ns;
	__u64 delay_min_inverted; /* ~minimum, so that zero is "none" */
	__u32 duplicates;
	__u32 reordered;
	__u32 corrupted;
	__u32 beyond_window;
};

/* Of one CPU, which alone writes it; the reader sums. */
struct check_cpu {
	__u64 received;
	__u64 bytes;
	__u64 span; /* sum over flows of check_flow.next */
	__u64 duplicates;
	__u64 reordered;
	__u64 beyond_window;
	__u64 corrupted;
	__u64 unattributed; /* of these, with a probe that cannot be read: of no flow, and not in `received` */
	__u64 other_stream;
	__u64 unknown_flow;
	__u64 foreign;
	__u64 contended;
	__u64 late_unknown;
	__u64 first_ns;
	__u64 last_ns;
	__u64 scheduled[DELAY_BINS]; /* arrival less when the frame was due */
	__u64 sent[DELAY_BINS];      /* arrival less when the frame was sent */
};

/* Fixed when the program is loaded. */
struct check_shape {
	__u32 flows;
	__u32 words_log2; /* words of 32 sequences in each flow's window */
	__u32 shared;     /* several CPUs may see one flow at once */
	/* What a router must have made of an untagged IPv4 frame. TTL 0: no router, neither is looked at. */
	__u32 routed_ttl;
	__u8 routed_mac[8]; /* the next hop's, and two bytes of zero */
};

/* Written by user space at any time. */
struct check_control {
	__u32 stream;
};

#endif
