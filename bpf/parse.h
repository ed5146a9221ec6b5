/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reading of headers for the steering program. A cursor walks the first (linear) part of the frame; take() hands out a header only if the frame holds all of it, which is also the proof that the
 * verifier asks for. Nothing here decides anything: it fills a struct tuple with what the frame says.
 */
#ifndef STAROCEAN_BPF_PARSE_H
#define STAROCEAN_BPF_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

/* Tags looked through: 802.1ad service tag and 802.1Q customer tag. */
#define MAX_VLAN_TAGS 2
/*
 * RFC 8200, 4.1 names seven extension headers, destination options twice. A chain longer than this is
 * read as having no upper-layer protocol, and goes to Linux.
 */
#define MAX_EXTENSION_HEADERS 8

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK 0x1fff
#define IP6_MORE_FRAGMENTS 0x0001
#define IP6_OFFSET_MASK 0xfff8

/*
 * The kernel's headers for these (linux/icmp.h, linux/if_arp.h) include libc's, which cannot be compiled
 * for BPF. Numbers: RFC 792, RFC 4443, RFC 4861.
 */
#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PARAMPROB 4
#define ND_NEIGHBOUR_SOLICITATION 135
#define ARPHRD_ETHER 1

struct vlan_header {
	__be16 tci;
	__be16 ether_type;
};

struct arp_ipv4 { /* RFC 826, with Ethernet and IPv4 addresses */
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
} __attribute__((packed));

struct fragment_header { /* RFC 8200, 4.5 */
	__u8 next;
	__u8 length; /* reserved here; in other extension headers their length */
	__be16 offset;
	__be32 id;
};

struct ports { /* TCP, UDP, UDP-Lite, DCCP and SCTP all start so */
	__be16 source;
	__be16 destination;
};

struct icmp_error { /* RFC 792 and RFC 4443: what is quoted starts after 8 bytes */
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 unused;
};

struct neighbour_solicitation {
	struct icmp_error icmp;
	__u32 target[4];
};

/* Headers are read up to here; nothing that a claim asks for lies further in. */
#define MAX_HEADERS_LEN 0x3fff

/* A place in the frame: an offset, not a pointer, so that functions can hand it to one another. */
struct cursor {
	void *data;
	void *end;
	__u32 offset;
};

static __always_inline struct cursor cursor_at(struct xdp_md *ctx, __u32 offset)
{
	return (struct cursor){(void *)(long)ctx->data, (void *)(long)ctx->data_end, offset};
}

/*
 * The next `size` bytes, or NULL if the frame is shorter; then nothing is consumed. The empty assembler
 * line keeps the compiler from checking one register and adding another, which the verifier cannot follow.
 */
static __always_inline void *take(struct cursor *cursor, __u32 size)
{
	__u64 offset = cursor->offset;
	void *start;

	asm volatile("" : "+r"(offset));
	if (offset > MAX_HEADERS_LEN)
		return 0;
	start = cursor->data + offset;
	if (start + size > cursor->end)
		return 0;
	cursor->offset = offset + size;
	return start;
}

/* What a frame says of itself, as far as claims ask. */
struct tuple {
	__u16 ether_type;
	__u8 protocol;
	__u8 has_address; /* an IP header was read: address and protocol are valid */
	__u8 has_target;  /* ARP or neighbour solicitation: target is valid */
	__u8 has_port;
	__u8 fragment; /* part of a datagram: its ports, where there, are not looked at */
	__u16 port;
	__u32 address[4];
	__u32 target[4];
};

/* Which end of an IP packet is looked at: the destination, or of a quoted packet, which we sent, the source. */
enum packet_end { DESTINATION, SOURCE };

static __always_inline int protocol_has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static __always_inline void read_port(struct cursor cursor, __u32 end, struct tuple *tuple)
{
	struct ports *ports;

	if (tuple->fragment || !protocol_has_ports(tuple->protocol))
		return;
	ports = take(&cursor, sizeof(*ports));
	if (!ports)
		return;
	tuple->port = end == SOURCE ? ports->source : ports->destination;
	tuple->has_port = 1;
}

/*
 * The functions below that are not inline are verified once each, apart from their callers; inlined, the
 * paths through them would multiply beyond what the verifier explores.
 *
 * read_ipv4() and read_ipv6() read the packet at `offset` into *tuple and return the offset of the
 * upper-layer header; 0 if there is no whole IP header.
 */
__attribute__((noinline)) int read_ipv4(struct xdp_md *ctx, __u32 offset, __u32 end, struct tuple *tuple)
{
	struct cursor cursor = cursor_at(ctx, offset);
	struct iphdr *ip = take(&cursor, sizeof(*ip));
	__u32 header_len;

	if (!tuple || !ip || ip->version != 4 || ip->ihl < 5)
		return 0;
	header_len = ip->ihl * 4;
	cursor.offset = offset + header_len;
	tuple->has_address = 1;
	tuple->protocol = ip->protocol;
	tuple->address[0] = end == SOURCE ? ip->saddr : ip->daddr;
	tuple->fragment = (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) != 0;
	/* A datagram that ends before its ports has none, whatever bytes pad the frame. */
	if (bpf_ntohs(ip->tot_len) >= header_len + sizeof(struct ports))
		read_port(cursor, end, tuple);
	return cursor.offset;
}

static __always_inline int is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_AH || protocol == IPPROTO_MH;
}

/* Length of an extension header: in units of 8 bytes not counting the first 8, except for two of them. */
static __always_inline __u32 extension_len(__u8 protocol, __u8 length)
{
	if (protocol == IPPROTO_FRAGMENT)
		return sizeof(struct fragment_header);
	if (protocol == IPPROTO_AH) /* RFC 4302, 2.2: in units of 4 bytes, minus 2 */
		return length * 4 + 8;
	return length * 8 + 8;
}

/* The protocol is IPPROTO_NONE when the chain of extension headers has no readable end. */
__attribute__((noinline)) int read_ipv6(struct xdp_md *ctx, __u32 offset, __u32 end, struct tuple *tuple)
{
	struct cursor cursor = cursor_at(ctx, offset);
	struct ipv6hdr *ip = take(&cursor, sizeof(*ip));
	__u8 protocol;

	if (!tuple || !ip || ip->version != 6)
		return 0;
	__builtin_memcpy(tuple->address, end == SOURCE ? &ip->saddr : &ip->daddr, sizeof(tuple->address));
	tuple->has_address = 1;
	protocol = ip->nexthdr;
	for (int i = 0; i < MAX_EXTENSION_HEADERS && is_extension(protocol) && !tuple->fragment; i++) {
		struct fragment_header *header;

		offset = cursor.offset;
		header = take(&cursor, sizeof(*header)); /* 8 bytes: no extension header is shorter */
		if (!header)
			break;
		/*
		 * The walk ends at a fragment: behind all but the first lies the middle of a datagram, and all
		 * must be judged alike. Offset 0 and no more to come is a whole packet (RFC 6946).
		 */
		if (protocol == IPPROTO_FRAGMENT &&
		    (header->offset & bpf_htons(IP6_MORE_FRAGMENTS | IP6_OFFSET_MASK)))
			tuple->fragment = 1;
		cursor.offset = offset + extension_len(protocol, header->length);
		protocol = header->next;
	}
	tuple->protocol = is_extension(protocol) && !tuple->fragment ? IPPROTO_NONE : protocol;
	read_port(cursor, end, tuple);
	return cursor.offset;
}

static __always_inline void read_arp(struct cursor *cursor, struct tuple *tuple)
{
	struct arp_ipv4 *arp = take(cursor, sizeof(*arp));

	if (!arp || arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != ETH_ALEN || arp->protocol_len != 4)
		return;
	__builtin_memcpy(&tuple->target[0], arp->target_ip, 4);
	tuple->has_target = 1;
}

/* The cursor is at the upper-layer header. */
static __always_inline void read_solicitation(struct cursor cursor, struct tuple *tuple)
{
	struct neighbour_solicitation *solicitation;

	if (tuple->protocol != IPPROTO_ICMPV6 || tuple->fragment)
		return;
	solicitation = take(&cursor, sizeof(*solicitation));
	if (!solicitation || solicitation->icmp.type != ND_NEIGHBOUR_SOLICITATION)
		return;
	__builtin_memcpy(tuple->target, solicitation->target, sizeof(tuple->target));
	tuple->has_target = 1;
}

static __always_inline int is_icmp_error(const struct tuple *tuple, __u8 type)
{
	if (tuple->ether_type == bpf_htons(ETH_P_IP))
		return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
	return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
}

/* If the cursor, at the upper-layer header of `outer`, is at an ICMP error: the quoted packet's offset; else 0. */
static __always_inline __u32 enter_icmp_error(struct cursor cursor, const struct tuple *outer)
{
	__u8 icmp_protocol = outer->ether_type == bpf_htons(ETH_P_IP) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct icmp_error *icmp;

	if (outer->fragment || outer->protocol != icmp_protocol)
		return 0;
	icmp = take(&cursor, sizeof(*icmp));
	return icmp && is_icmp_error(outer, icmp->type) ? cursor.offset : 0;
}

#endif
