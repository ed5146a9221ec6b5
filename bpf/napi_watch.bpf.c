// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Counts on which CPU the receive processing (NAPI) of some devices runs, whoever runs it: a softirq, a thread of its
 * own, or a process that busy-polls. Source: trace_napi_poll() in net/core/dev.c.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "napi_watch.h"

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));
struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));
typedef struct {
	struct net *net;
} possible_net_t;
struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));
struct napi_struct {
	struct net_device *dev;
} __attribute__((preserve_access_index));

const volatile struct napi_watch_device watched[NAPI_WATCH_DEVICES] = {};

/* Key: CPU * NAPI_WATCH_DEVICES + device. A CPU alone writes its own. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct napi_watch_counts);
	__uint(max_entries, NAPI_WATCH_DEVICES); /* times the number of CPUs, set at load */
	__uint(map_flags, BPF_F_MMAPABLE);
} counts SEC(".maps");

SEC("tp_btf/napi_poll")
int BPF_PROG(count_poll, struct napi_struct *napi, int work, int budget)
{
	struct net_device *device = napi->dev;
	struct napi_watch_counts *count;
	__u32 key;

	if (!device)
		return 0;
	for (__u32 i = 0; i < NAPI_WATCH_DEVICES; i++) {
		if (watched[i].ifindex != (__u32)device->ifindex || watched[i].net_inum != device->nd_net.net->ns.inum)
			continue;
		key = bpf_get_smp_processor_id() * NAPI_WATCH_DEVICES + i;
		count = bpf_map_lookup_elem(&counts, &key);
		if (!count)
			return 0;
		count->polls++;
		count->frames += (__u32)work;
		return 0;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
