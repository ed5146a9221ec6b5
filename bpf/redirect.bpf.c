// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Redirects every frame of a device to another one, without looking at it: the most that forwarding can reach
 * on a wire, and what benchmarks show as their ceiling. Attached to both devices, each with a slot of its own.
 * With fragments: a veth of an MTU of 9000 takes no program without.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Slot 0: where frames of the first device go; slot 1: those of the second. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 2);
} devices SEC(".maps");

SEC("xdp.frags")
int redirect_first(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices, 0, XDP_DROP);
}

SEC("xdp.frags")
int redirect_second(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices, 1, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
