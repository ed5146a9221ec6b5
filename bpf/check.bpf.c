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
#include <bpf/bpf_helpers.h>

#include "check.h"
#include "check_frame.h"

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

enum sequence_verdict { FIRST_COPY, DUPLICATE, BEYOND_WINDOW, CONTENDED };

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

/* Whether a router has passed it on: one hop taken off its TTL (RFC 1812, 5.3.1), sent to the next hop. */
static __always_inline int is_routed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->ttl != shape.routed_ttl)
		return 0;
	for (int i = 0; i < ETH_ALEN; i++)
		if (ethernet->h_dest[i] != shape.routed_mac[i])
			return 0;
	return 1;
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
	if (shape.routed_ttl && !is_routed(ctx))
		arrival.intact = 0;
	if (arrival.intact && arrival.payload_len > PROBE_LEN &&
	    !filler_is_right(ctx, arrival.probe_at + PROBE_LEN, arrival.payload_len - PROBE_LEN, arrival.key))
		arrival.intact = 0;
	count(cpu, flow, &arrival, now);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
