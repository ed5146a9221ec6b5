// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Takes a part of one CPU's time away from whatever runs there: a timer of that CPU, in whose softirq a loop looks at
 * the clock until the part is over. The periods follow a schedule: what one takes too long, the next takes less.
 *
 * Sources: kernel/bpf/helpers.c of Linux 6.18 (bpf_timer_*, BPF_F_TIMER_CPU_PIN since 6.7), bpf-helpers(7).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "cpu_thief.h"

#define CLOCK_MONOTONIC 1
#define ROUNDS 8192 /* of reading the clock, 20 ns and more each: what a period takes is over before */

/* Debian 12's header is of Linux 6.1. */
#ifndef BPF_F_TIMER_ABS
#define BPF_F_TIMER_ABS (1ULL << 0)
#endif
#define TIMER_CPU_PIN (1ULL << 1) /* BPF_F_TIMER_CPU_PIN */

struct slot {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

volatile struct cpu_thief_control control = {};
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

static int take(void *map, __u32 *key, struct slot *slot)
{
	__u64 began = bpf_ktime_get_ns(), period = control.period_ns, taken = control.take_ns;
	struct until until = {.now = began};

	if (!taken)
		return 0;
	/* After a time without timers (the hypervisor had the CPU) the schedule begins anew. */
	if (began > state.due_ns + period)
		state.due_ns = began;
	until.end = state.due_ns + taken;
	bpf_loop(ROUNDS, look_at_clock, &until, 0);
	state.taken_ns += until.now - began;
	state.periods++;
	state.due_ns += period;
	bpf_timer_start(&slot->timer, state.due_ns, BPF_F_TIMER_ABS | TIMER_CPU_PIN);
	return 0;
}

/* To be run on the CPU that is meant: the timer stays there. */
SEC("syscall")
int cpu_thief_begin(void *context)
{
	__u32 zero = 0;
	struct slot *slot = bpf_map_lookup_elem(&slots, &zero);
	long error;

	if (!slot)
		return -1;
	error = bpf_timer_init(&slot->timer, &slots, CLOCK_MONOTONIC);
	if (!error)
		error = bpf_timer_set_callback(&slot->timer, take);
	if (error)
		return (int)error;
	state.due_ns = bpf_ktime_get_ns() + control.period_ns;
	return (int)bpf_timer_start(&slot->timer, state.due_ns, BPF_F_TIMER_ABS | TIMER_CPU_PIN);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
