/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the transmitting program (transmit.bpf.c) and its user space (starocean/xsk/xdp_transmitter.cc) share.
 * Included by C for BPF and by C++.
 */
#ifndef STAROCEAN_BPF_TRANSMIT_H
#define STAROCEAN_BPF_TRANSMIT_H

#include <linux/types.h>

#define TRANSMIT_LANES 64
#define TRANSMIT_SLOTS 1024 /* frames in a lane; a power of two */
#define TRANSMIT_BATCH 64   /* runs at a time; also how many pages the kernel keeps for reuse */
#define TRANSMIT_FEWEST_BYTES 14
#define TRANSMIT_MOST_BYTES 2040
#define TRANSMIT_FIRST_BYTES 64 /* of a frame as the kernel makes it; cut or extended for each */

struct transmit_slot {
	__u32 len_bytes;
	__u32 reserved;
	__u8 bytes[TRANSMIT_MOST_BYTES];
};

/* The frames on the way to one device. Numbers run on from 0; frame n is in slot n modulo TRANSMIT_SLOTS. */
struct transmit_lane {
	/* Written by user space. */
	__u32 produced; /* frames before this one may be taken */
	__u32 ifindex;
	__u32 closed; /* nothing more is taken */
	__u32 pad0[13];
	/* Written by the program. */
	__u32 done;     /* frames before this one have been taken by the device */
	__u32 next;     /* to be redirected next */
	__u32 end;      /* of this batch */
	__u32 expected; /* redirected, and not heard of yet */
	__u32 full;     /* the device took nothing of the last bulk */
	__u32 refused;  /* frames that could not be redirected at all */
	__u64 retries;  /* frames that the device had no room for; each is tried again */
	__u32 pad1[8];
};

struct transmit_control {
	/* Written by user space. */
	__u32 ticket; /* of whoever waits; 0: nobody has waited yet */
	__u32 lanes;  /* those before this one are in use */
	__u32 batches_per_call;
	__u32 pad0[13];
	/* Written by the program. */
	__u32 answered; /* the ticket that has been seen, after everything that could be sent */
	__u32 running;  /* 0: frames may have to wait long */
	__u32 batches;  /* of this call; set to 0 by user space before it */
	__u32 position; /* in the batch */
	__u32 lane;
	__u32 nothing; /* this batch has no more frames to take */
	__u32 barrier;
	__u32 held_ifindex; /* a device that had no room in this batch: what comes behind is held back; 0: none */
	__u64 task;
	__u32 hold_all; /* more than one */
	__u32 left;     /* seen when the batch began, and not taken yet */
	__u32 owed;     /* the ticket to be answered when there is nothing left; 0: none */
	__u32 pad1[3];
	struct transmit_lane lane_of[TRANSMIT_LANES];
};

#endif
