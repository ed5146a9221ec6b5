// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The checker: takes every generated frame (probe.h) that a device receives, in the driver, checks all of
 * it, and counts per flow. Everything else goes on to Linux.
 *
 * Sequences. Each flow has a ring of words; a word holds 32 sequences: bits 31-0 say which of them have
 * been seen, bits 63-32 which lap of the ring they belong to. A word of an earlier lap counts as empty, so
 * nothing has to be cleared when a flow jumps ahead, and one compare-and-exchange is a whole update.
 *
 * Several CPUs: totals and histograms belong to one CPU each. A flow may be seen by several at once only
 * when the device has several queues or the program is generic; shape.shared then makes every update of
 * its state atomic. The receive path of one queue never runs on two CPUs at once.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "check.h"

#define MAX_VLAN_TAGS 2
#define IP_FRAGMENT_MASK 0x3fff /* more fragments, offset */
#define MAX_FILLER 10240 /* frames are below 9618 (starocean/bench/traffic_spec.h) */
#define CHUNK_LEN 64 /* four pairs of filler */
#define MAX_OFFSET 127
#define ATOMIC_TRIES 32

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct check_flow) + 8); /* set at load to hold the window */
	__uint(max_entries, 1);                            /* set at load to the number of flows */
	__uint(map_flags, BPF_F_MMAPABLE);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct check_cpu);
	__uint(max_entries, 1); /* set to the number of possible CPUs at load */
	__uint(map_flags, BPF_F_MMAPABLE);
} cpus SEC(".maps");

const volatile struct check_shape shape = {};
volatile struct check_control control = {};

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

enum sequence_verdict { FIRST_COPY, DUPLICATE, BEYOND_WINDOW, CONTENDED };

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

	len &= CHUNK_LEN - 1;
	if (len == 0)
		return 0;
	if (bpf_xdp_load_bytes(ctx, offset, words, len))
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

/* ---- counting ---- */

/* Which copy of its sequence a frame is; remembers it. */
static __always_inline enum sequence_verdict see_sequence(struct check_flow *flow, __u64 sequence)
{
	__u64 word_number = sequence >> 5, bit = 1ULL << (sequence & 31);
	__u32 slot = (__u32)word_number & ((1 << shape.words_log2) - 1);
	__u32 lap = (__u32)(word_number >> shape.words_log2);
	__u64 *word = (__u64 *)(flow + 1) + slot;

	for (int i = 0; i < ATOMIC_TRIES; i++) {
		__u64 old = *(volatile __u64 *)word, new;
		__s32 ahead = (__s32)(lap - (__u32)(old >> 32));

		if (ahead < 0)
			return BEYOND_WINDOW;
		if (ahead == 0 && (old & bit))
			return DUPLICATE;
		new = ahead ? (__u64)lap << 32 | bit : old | bit;
		if (!shape.shared) {
			*word = new;
			return FIRST_COPY;
		}
		if (__sync_val_compare_and_swap(word, old, new) == old)
			return FIRST_COPY;
	}
	return CONTENDED;
}

/* Raises *at to `value`. Returns what it was before, or `value` if it was not less; ~0 if contended. */
static __always_inline __u64 raise_to(__u64 *at, __u64 value)
{
	for (int i = 0; i < ATOMIC_TRIES; i++) {
		__u64 old = *(volatile __u64 *)at;

		if (old >= value)
			return value;
		if (!shape.shared) {
			*at = value;
			return old;
		}
		if (__sync_val_compare_and_swap(at, old, value) == old)
			return old;
	}
	return ~0ULL;
}

#define ADD(field, amount)                                                                                             \
	do {                                                                                                           \
		if (shape.shared)                                                                                      \
			__sync_fetch_and_add(&(field), amount);                                                        \
		else                                                                                                   \
			(field) += amount;                                                                             \
	} while (0)

static __always_inline void count_in_bin(__u64 *bins, __u64 delay)
{
	__u32 bin = delay_bin(delay);

	/* The compiler knows that it is, and would leave the test out; the verifier does not. */
	asm volatile("" : "+r"(bin));
	if (bin < DELAY_BINS)
		bins[bin]++;
}

static __always_inline void count_delay(struct check_cpu *cpu, struct check_flow *flow, const struct arrival *arrival,
					__u64 now)
{
	__u64 delay = (now - probe_scheduled(arrival->first, arrival->second)) & PROBE_TIME_MASK;
	__u32 code = arrival->second & 0xffff;

	count_in_bin(cpu->scheduled, delay);
	if (code == PROBE_LATE_UNKNOWN) {
		cpu->late_unknown++;
	} else {
		delay = (delay - probe_late_ns(code)) & PROBE_TIME_MASK;
		count_in_bin(cpu->sent, delay);
	}
	ADD(flow->delays, 1);
	ADD(flow->delay_sum_ns, delay);
	raise_to(&flow->delay_max_ns, delay);
	raise_to(&flow->delay_min_inverted, ~delay);
}

/* A frame whose flow and sequence can be believed. */
static __always_inline void count(struct check_cpu *cpu, struct check_flow *flow, const struct arrival *arrival,
				  __u64 now)
{
	__u32 low = probe_sequence(arrival->second);
	__u64 next = *(volatile __u64 *)&flow->next, before;
	/* The 64-bit sequence nearest to the one expected (RFC 1982 has the idea). */
	__s64 sequence = (__s64)next + (__s32)(low - (__u32)next);
	enum sequence_verdict verdict = BEYOND_WINDOW;

	cpu->received++;
	ADD(flow->received, 1);
	if (!arrival->intact) {
		cpu->corrupted++;
		ADD(flow->corrupted, 1);
	}
	if (sequence >= 0)
		verdict = see_sequence(flow, (__u64)sequence);
	if (verdict == FIRST_COPY) {
		before = raise_to(&flow->next, (__u64)sequence + 1);
		if (before == ~0ULL) {
			cpu->contended++;
		} else if (before == (__u64)sequence + 1) {
			cpu->reordered++;
			ADD(flow->reordered, 1);
		} else {
			cpu->span += (__u64)sequence + 1 - before;
		}
		if (arrival->intact)
			count_delay(cpu, flow, arrival, now);
	} else if (verdict == DUPLICATE) {
		cpu->duplicates++;
		ADD(flow->duplicates, 1);
	} else if (verdict == BEYOND_WINDOW) {
		cpu->beyond_window++;
		ADD(flow->beyond_window, 1);
	} else {
		cpu->contended++;
	}
}

/* In the driver's multi-buffer form; takes frames of one buffer too, on drivers without multi-buffer. */
SEC("xdp.frags")
int check_xdp(struct xdp_md *ctx)
{
	__u32 cpu_number = bpf_get_smp_processor_id(), flow_number;
	__u64 now = bpf_ktime_get_ns();
	struct arrival arrival = {.intact = 1};
	struct check_cpu *cpu = bpf_map_lookup_elem(&cpus, &cpu_number);
	struct check_flow *flow;

	if (!cpu)
		return XDP_PASS;
	if (!read_probe(ctx, &arrival)) {
		cpu->foreign++;
		return XDP_PASS;
	}
	if (arrival.readable && probe_stream(arrival.first) != control.stream) {
		cpu->other_stream++;
		return XDP_DROP;
	}
	if (!cpu->first_ns)
		cpu->first_ns = now;
	cpu->last_ns = now;
	cpu->bytes += bpf_xdp_get_buff_len(ctx);
	if (!arrival.readable) {
		cpu->corrupted++;
		cpu->unattributed++;
		return XDP_DROP;
	}
	flow_number = probe_flow(arrival.first);
	flow = bpf_map_lookup_elem(&flows, &flow_number);
	if (!flow) {
		cpu->unknown_flow++;
		return XDP_DROP;
	}
	if (arrival.intact && arrival.payload_len > PROBE_LEN &&
	    !filler_is_right(ctx, arrival.probe_at + PROBE_LEN, arrival.payload_len - PROBE_LEN, arrival.key))
		arrival.intact = 0;
	count(cpu, flow, &arrival, now);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
