// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Two rungs of the receive-path ladder (starocean/bench/rx_path.h): the same test and the same end for a
 * packet in the driver (or, in generic mode, where the driver's work ends), and at the ingress of traffic
 * control. Both count per CPU.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "rx_path.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RX_PATH_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *packets = bpf_map_lookup_elem(&counts, &what);

	if (packets)
		(*packets)++;
}

static __always_inline int is_ours(void *data, void *end)
{
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + sizeof(*ethernet);
	struct udphdr *udp = data + sizeof(*ethernet) + sizeof(*ip);

	/* A header with options is not one of the generator's. */
	return (void *)(udp + 1) <= end && ethernet->h_proto == bpf_htons(ETH_P_IP) && ip->ihl == 5 &&
	       ip->protocol == IPPROTO_UDP && udp->dest == bpf_htons(RX_PATH_PORT);
}

SEC("xdp")
int drop_in_xdp(struct xdp_md *frame)
{
	if (!is_ours((void *)(long)frame->data, (void *)(long)frame->data_end)) {
		count(RX_PATH_PASSED);
		return XDP_PASS;
	}
	count(RX_PATH_DROPPED);
	return XDP_DROP;
}

SEC("tc")
int drop_in_tc(struct __sk_buff *packet)
{
	if (!is_ours((void *)(long)packet->data, (void *)(long)packet->data_end)) {
		count(RX_PATH_PASSED);
		return TC_ACT_OK;
	}
	count(RX_PATH_DROPPED);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
