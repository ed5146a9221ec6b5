/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the steering program (steer.bpf.c) and its loader (starocean/xsk/xdp_program.cc) share: the
 * layout of the maps and of the settings. Included by C for BPF and by C++.
 */
#ifndef STAROCEAN_BPF_STEER_H
#define STAROCEAN_BPF_STEER_H

#include <linux/types.h>

/*
 * Which fields of a steer_key take part. The EtherType always does. Fields that do not take part are
 * zero in the key, so that one hash map holds claims of every shape, and a frame is looked up once per
 * shape in use (steer_shapes has bit (1 << shape) set), at most seven times.
 */
enum steer_shape {
	STEER_PROTOCOL = 1, /* IP protocol: the upper-layer header, after IPv6 extension headers */
	STEER_ADDRESS = 2,  /* IP destination address */
	STEER_PORT = 4,     /* destination port; only together with STEER_PROTOCOL */
	STEER_TARGET = 8,   /* address asked for: ARP's target, a neighbour solicitation's target */
	STEER_SHAPES = 16,
};

/* Everything in network byte order. An IPv4 address occupies address[0]; the rest is zero. */
struct steer_key {
	__u16 ether_type;
	__u16 port;
	__u8 protocol;
	__u8 shape;
	__u16 zero;
	__u32 address[4];
};

/* Per CPU; the reader sums. Every frame that the program sees is counted in exactly one of them. */
struct steer_counters {
	__u64 redirected; /* claimed, and its queue has a socket: to user space */
	__u64 passed;     /* not claimed: to Linux */
	__u64 no_socket;  /* claimed, but its queue has no socket: to Linux */
};

#define STEER_MAX_CLAIMS 16384

/* What goes to user space besides the claims. */
enum steer_mode {
	STEER_BY_RULE = 0, /* nothing */
	STEER_WHOLE = 1,   /* every frame */
	STEER_TRANSIT = 2, /* what is to be routed: see struct steer_route */
};

/*
 * STEER_TRANSIT. Untagged frames (if `untagged`) and those of the VLANs in `vlans` go to user space when they are
 * IP packets to the interface's own MAC address that are meant for somebody else: not for an address in the map
 * `local`, not multicast, not link-local. Of the VLANs in `whole_vlans` every frame goes to user space. All else is
 * Linux's: ARP, neighbour discovery, routing protocols, its own traffic. VLANs are bits: of 64 in a word, the
 * lowest first.
 */
struct steer_route {
	__u8 mac[6];
	__u16 untagged;
	__u64 vlans[64];
	__u64 whole_vlans[64];
};

/* An address of Linux's, in network byte order; IPv4 as ::ffff:a.b.c.d. */
struct steer_address {
	__u32 word[4];
};

#define STEER_MAX_LOCAL 65536

/* A bit for each address in `local`: where it is not set, the map need not be asked, which costs several times as much. */
#define STEER_LOCAL_BITS 4096

static inline __u32 steer_local_bit(const struct steer_address *address)
{
	__u32 mixed = address->word[0] ^ address->word[1] ^ address->word[2] ^ address->word[3];

	return (mixed * 0x9e3779b1u) >> 20;
}

#endif
