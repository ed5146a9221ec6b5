/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reading of a frame for the checker (check.bpf.c): where its probe is, what that says, and whether every
 * byte is as the generator made it (probe.h). Nothing here counts.
 */
#ifndef STAROCEAN_BPF_CHECK_FRAME_H
#define STAROCEAN_BPF_CHECK_FRAME_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "probe.h"

#define MAX_VLAN_TAGS 2
#define IP_FRAGMENT_MASK 0x3fff /* more fragments, offset */
#define MAX_FILLER 10240 /* frames are below 9618 (starocean/bench/traffic_spec.h) */
#define CHUNK_LEN 64 /* four pairs of filler */
#define MAX_OFFSET 127

struct vlan_header {
	__be16 tci;
	__be16 ether_type;
};

/* A frame that carries a probe. */
struct arrival {
	__u64 first;
	__u64 second;
	__u64 key;
	__u64 sum;      /* of what UDP's checksum covers, filler excluded: it adds nothing */
	__u32 probe_at; /* offset in the frame */
	__u32 payload_len; /* as UDP says */
	__u32 readable; /* the check is right: flow, sequence and times can be believed */
	__u32 intact;
};

static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u64 words_of(__u64 value)
{
	return (value & 0xffffffff) + (value >> 32);
}

/* ---- reading the frame ---- */

/* Offset of the IP header, or 0. */
static __always_inline __u32 skip_ethernet(void *data, void *end, __u16 *ether_type)
{
	struct ethhdr *ethernet = data;
	__u32 offset = sizeof(*ethernet);

	if (data + sizeof(*ethernet) > end)
		return 0;
	*ether_type = ethernet->h_proto;
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_header *tag = data + offset;

		if (*ether_type != bpf_htons(ETH_P_8021Q) && *ether_type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return 0;
		*ether_type = tag->ether_type;
		offset += sizeof(*tag);
	}
	return offset;
}

/* Length of the IP header, or 0 if this cannot be a probe. Checks what the header says of itself. */
static __always_inline __u32 read_ipv4(void *at, void *end, struct arrival *arrival, __u32 *ip_len)
{
	struct iphdr *ip = at;
	__u32 *word = at;

	if (at + sizeof(*ip) > end)
		return 0;
	if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return 0;
	*ip_len = bpf_ntohs(ip->tot_len);
	arrival->sum = (__u64)word[3] + word[4];
	if (fold((__u64)word[0] + word[1] + word[2] + arrival->sum) != 0xffff)
		arrival->intact = 0;
	return sizeof(*ip);
}

static __always_inline __u32 read_ipv6(void *at, void *end, struct arrival *arrival, __u32 *ip_len)
{
	struct ipv6hdr *ip = at;
	__u32 *word = at;

	if (at + sizeof(*ip) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return 0;
	*ip_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	for (int i = 2; i < 10; i++)
		arrival->sum += word[i];
	return sizeof(*ip);
}

/* False if the frame is none of ours. */
static __always_inline int read_probe(struct xdp_md *ctx, struct arrival *arrival)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 offset, ip_header_len, ip_len = 0;
	__u16 ether_type = 0, check, *udp;

	offset = skip_ethernet(data, end, &ether_type);
	if (!offset)
		return 0;
	if (ether_type == bpf_htons(ETH_P_IP))
		ip_header_len = read_ipv4(data + offset, end, arrival, &ip_len);
	else if (ether_type == bpf_htons(ETH_P_IPV6))
		ip_header_len = read_ipv6(data + offset, end, arrival, &ip_len);
	else
		return 0;
	udp = data + offset + ip_header_len;
	if (!ip_header_len || (void *)udp + sizeof(struct udphdr) + PROBE_LEN > end)
		return 0;
	arrival->first = *(__u64 *)(udp + 4);
	arrival->second = *(__u64 *)(udp + 8);
	check = udp[12];
	arrival->sum += (__u64)bpf_htons(IPPROTO_UDP) + 2 * (__u64)udp[2] + udp[0] + udp[1] + udp[3] + check +
			words_of(arrival->first) + words_of(arrival->second);
	arrival->first = bpf_be64_to_cpu(arrival->first);
	arrival->second = bpf_be64_to_cpu(arrival->second);
	arrival->key = probe_key(arrival->first, arrival->second);
	arrival->readable = probe_check(arrival->key) == bpf_ntohs(check);
	if (arrival->first >> 48 != PROBE_MAGIC) {
		if (!arrival->readable)
			return 0;
		arrival->intact = 0;
	}
	arrival->probe_at = offset + ip_header_len + sizeof(struct udphdr);
	arrival->payload_len = bpf_ntohs(udp[2]) - sizeof(struct udphdr);
	if (ip_len != ip_header_len + bpf_ntohs(udp[2]) || bpf_ntohs(udp[2]) < sizeof(struct udphdr) + PROBE_LEN)
		arrival->intact = 0;
	/* No checksum is allowed in IPv4 only (RFC 768; RFC 8200, 8.1). */
	if (!udp[3] && ether_type == bpf_htons(ETH_P_IP))
		return 1;
	if (!udp[3] || fold(arrival->sum) != 0xffff)
		arrival->intact = 0;
	return 1;
}

/* ---- filler ---- */

static __always_inline __u64 chunk_differs(const __u64 *word, __u64 key)
{
	__u64 differs = 0;

#pragma unroll
	for (int pair = 0; pair < CHUNK_LEN / PROBE_PAIR_LEN; pair++) {
		differs |= word[2 * pair] ^ __cpu_to_le64(key);
		differs |= word[2 * pair + 1] ^ __cpu_to_le64(~key);
		key += PROBE_STRIDE;
	}
	return differs;
}

/* The last `len` bytes of the filler, less than a chunk: whole pairs, then zeros. */
static __always_inline __u64 rest_differs(struct xdp_md *ctx, __u32 offset, __u32 len, __u64 key)
{
	__u64 words[CHUNK_LEN / 8] = {}, differs = 0;
	__u32 last;

	len &= CHUNK_LEN - 1;
	if (len == 0)
		return 0;
	/* So that Linux 6.1 sees it, too: what is not 0 is at least 1. */
	last = (len - 1) & (CHUNK_LEN - 1);
	barrier_var(last);
	if (bpf_xdp_load_bytes(ctx, offset, words, last + 1))
		return 1;
#pragma unroll
	for (__u32 pair = 0; pair < CHUNK_LEN / PROBE_PAIR_LEN; pair++) {
		__u64 mask = len / PROBE_PAIR_LEN > pair ? ~0ULL : 0;

		differs |= words[2 * pair] ^ (__cpu_to_le64(key) & mask);
		differs |= words[2 * pair + 1] ^ (__cpu_to_le64(~key) & mask);
		key += PROBE_STRIDE;
	}
	return differs;
}

/*
 * Whether all `len` bytes from `offset` on are the filler of `key`; the first function reads the first buffer
 * of the frame in place, the second what lies in further ones, and the last bytes, through the helper.
 * Functions of their own so that the verifier looks at each loop once.
 */
__attribute__((noinline)) int far_filler_is_right(struct xdp_md *ctx, __u32 offset, __u32 len, __u64 key)
{
	__u64 chunk[CHUNK_LEN / 8], differs = 0;

	for (__u32 i = 0; i < MAX_FILLER / CHUNK_LEN && len >= CHUNK_LEN; i++) {
		if (bpf_xdp_load_bytes(ctx, offset, chunk, CHUNK_LEN))
			return 0;
		differs |= chunk_differs(chunk, key);
		offset += CHUNK_LEN;
		len -= CHUNK_LEN;
		key += CHUNK_LEN / PROBE_PAIR_LEN * PROBE_STRIDE;
	}
	if (len >= CHUNK_LEN)
		return 0;
	return !(differs | rest_differs(ctx, offset, len, key));
}

__attribute__((noinline)) int filler_is_right(struct xdp_md *ctx, __u32 offset, __u32 len, __u64 key)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *at;
	__u64 differs = 0;

	/* Where headers end: the verifier wants a bound, and the compiler must not reason it away. */
	offset &= MAX_OFFSET;
	asm volatile("" : "+r"(offset));
	at = data + offset;
	for (__u32 i = 0; i < MAX_FILLER / CHUNK_LEN && len >= CHUNK_LEN; i++) {
		if (at + CHUNK_LEN > end)
			break;
		differs |= chunk_differs(at, key);
		at += CHUNK_LEN;
		offset += CHUNK_LEN;
		len -= CHUNK_LEN;
		key += CHUNK_LEN / PROBE_PAIR_LEN * PROBE_STRIDE;
	}
	if (differs)
		return 0;
	return len ? far_filler_is_right(ctx, offset, len, key) : 1;
}

#endif
