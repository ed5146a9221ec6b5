/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the generator's program (generate.bpf.c) and its user space (starocean/bench/generator.cc) share.
 * Included by C for BPF and by C++.
 */
#ifndef STAROCEAN_BPF_GENERATE_H
#define STAROCEAN_BPF_GENERATE_H

#include <linux/types.h>

#define GENERATE_SIZES 16 /* slots of a mix of sizes */

/* What differs from flow to flow; one cache line. Bytes as in the frame, but for the sums. */
struct generate_flow {
	__u8 macs[12]; /* destination, source */
	__u16 vlan_tci;
	__u16 source_port;
	__u16 destination_port;
	__u16 zero;
	__u32 addresses[8]; /* source, then destination: words 0 and 1 for IPv4, 0-3 and 4-7 for IPv6 */
	__u32 address_sum;  /* of the 16-bit words of the addresses, not folded */
	__u32 sequence;     /* of the next frame; the program counts */
	__u32 pad;
};

/* The same for all frames; fixed when the program is loaded. Sizes are without FCS. */
struct generate_shape {
	__u32 flows;
	__u32 random; /* flows at random, else in turn */
	__u32 ipv6;
	__u32 vlan; /* TPID in network order; 0: no tag */
	__u32 size_count;
	__u32 longest;
	__u16 sizes[GENERATE_SIZES];
	__u32 ifindex; /* of the device that transmits */
};

/* Written by user space before a run; `stop` and `resume` also during it. */
struct generate_control {
	__u64 limit;     /* frames to make; 0: no limit */
	__u64 duration_ns; /* when to end, counted from the first frame; 0: never */
	__u64 grace_ns;    /* for how long after the end frames that are late are still sent */
	__u64 patience_ns; /* when later than that, the schedule goes on from now; 0: never */
	__u64 start_ns;  /* when the first frame is due; in the past: at once */
	__u64 step_ns;   /* between frames: whole ns, and a fraction in 2^-32 ns; both 0: flood */
	__u32 step_fraction;
	__u32 batch;     /* frames per batch of the kernel; it flushes after each */
	__u32 stream;
	__u32 stop;
	__u32 resume;    /* a new call begins: the schedule goes on from now */
};

struct generate_state {
	__u64 frames; /* stamped and handed to the device */
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
	__u64 end_ns;
	__u64 due_ns;
	__u64 late_max_ns;
	__u64 paused_ns;
	__u64 skipped_ns; /* by which the schedule was moved, for want of patience */
	__u64 random;
	__u64 task; /* the generating thread, as the kernel has it */
	__u32 due_fraction;
	__u32 flow;
	__u32 size;
	__u32 position; /* in the kernel's batch */
	__u32 pending;  /* frames of this batch that are not flushed yet */
	__u32 waited;   /* this batch has already waited */
	__u32 done;
};

/* From the xdp_devmap_xmit tracepoint: what the device took of what was handed to it. */
struct generate_egress {
	__u64 sent;
	__u64 dropped;
	__u64 last_error; /* errno of the last flush that failed as a whole */
};

#endif
