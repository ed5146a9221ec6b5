// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Takes a part of one CPU's time away from whatever runs there: attached to a perf event of that CPU, its clock, it looks at
 * the clock until its part of a period is over. It runs in the clock's interrupt, so that nothing on that CPU is
 * scheduled differently for it; a softirq's time would soon be a thread's (ksoftirqd), for which the scheduler takes the
 * CPU away for milliseconds.
 *
 * Source: kernel/events/core.c of Linux 6.18 (perf_swevent_hrtimer).
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

#include "cpu_thief.h"

#define ROUNDS 8192 /* of reading the clock, 20 ns and more each: what is to be taken is over before */

volatile __u64 take_ns = 0; /* of each period */
struct cpu_thief_state state = {};

struct until {
	__u64 now;
	__u64 end;
};

static long look_at_clock(__u32 round, struct until *until)
{
	until->now = bpf_ktime_get_ns();
	return until->now >= until->end;
}

SEC("perf_event")
int cpu_thief(struct bpf_perf_event_data *context)
{
	__u64 began = bpf_ktime_get_ns();
	struct until until = {.now = began, .end = began + take_ns};

	bpf_loop(ROUNDS, look_at_clock, &until, 0);
	state.taken_ns += until.now - began;
	state.pieces++;
	return 0; /* no sample */
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
