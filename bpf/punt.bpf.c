// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The last step of the way back into Linux (starocean/xsk/punt.h): runs at the ingress of the helper
 * device, and hands each frame to the ingress of the device that it came from, as if it had just arrived
 * there. The mark of the socket that injected the frame is that device's index; it crosses the helper veth
 * because both ends are in one network namespace.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int punt_to_origin(struct __sk_buff *skb)
{
	__u32 origin = skb->mark;

	/* Not injected by us: nothing else has business on this device. */
	if (!origin)
		return TC_ACT_SHOT;
	/* The kernel recomputes the packet type (host, broadcast, other host) for the new device's address. */
	skb->mark = 0;
	return bpf_redirect(origin, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
