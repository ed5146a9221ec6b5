// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Transmission by XDP_REDIRECT: run by BPF_PROG_RUN with BPF_F_TEST_XDP_LIVE_FRAMES. User space puts
 * frames into lanes, one for each device; each run gets an empty frame out of the kernel's recycling pool, copies the
 * next one into it and redirects it, or, when there is none, gives it back (XDP_DROP).
 *
 * No frame is lost or overtaken. The kernel runs the program in batches, softirqs off, and gives the devices what they
 * were sent in bulks of 16, and the rest at the end of the batch. What a device had no room for is always the end of a bulk
 * (ndo_xdp_xmit), and is said so at the tracepoint xdp_devmap_xmit; what comes behind it in the same batch, a frame at least
 * that was about to join the next bulk, is held back by the program that devices run on frames redirected to them
 * (BPF_XDP_DEVMAP). All of that is redirected again with the next batch.
 *
 * User space, on the same CPU as a rule, waits meanwhile: it draws a ticket, and is woken once there is nothing more to
 * take, or only for devices that are full.
 *
 * Sources: net/bpf/test_run.c and kernel/bpf/devmap.c of Linux 6.18; Documentation/bpf/bpf_prog_run.rst.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "transmit.h"

#define LOOPBACK_IFINDEX 1

struct slots {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct transmit_slot));
	__uint(max_entries, TRANSMIT_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
};

/* By lane. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, __u32);
	__uint(max_entries, TRANSMIT_LANES);
	__array(values, struct slots);
} slots_of SEC(".maps");

/* By lane. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
	__uint(max_entries, TRANSMIT_LANES);
} devices SEC(".maps");

/* One word for each ticket that is answered: wakes user space. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} answers SEC(".maps");

struct transmit_control control = {};

#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))

static __always_inline void answer(__u32 ticket)
{
	__u64 word = ticket;

	/* What the lanes say is to be seen before. */
	__sync_val_compare_and_swap(&control.barrier, 0, 0);
	control.answered = ticket;
	bpf_ringbuf_output(&answers, &word, sizeof(word), BPF_RB_FORCE_WAKEUP);
}

/* What the lane has for this batch. Returns how many frames, of a device that was full none. */
static __always_inline __u32 look_at(struct transmit_lane *lane)
{
	__u32 frames;

	if (lane->expected) {
		/* The tracepoint has not spoken of them: the kernel would not redirect them. */
		lane->refused += lane->expected;
		lane->expected = 0;
		lane->full = 1;
	}
	lane->next = lane->done;
	lane->end = READ_ONCE(lane->closed) ? lane->next : READ_ONCE(lane->produced);
	frames = lane->end - lane->next;
	if (!frames || !lane->full)
		return frames;
	lane->end = lane->next + 1; /* one, to see whether there is room again */
	return 0;
}

static __always_inline void begin_batch(void)
{
	__u32 ticket = READ_ONCE(control.ticket), frames = 0, all = 0;

	control.task = bpf_get_current_task();
	control.running = ++control.batches < control.batches_per_call;
	/* The ticket was drawn after everything before it was put into the lanes. */
	__sync_val_compare_and_swap(&control.barrier, 0, 0);
	for (__u32 i = 0; i < TRANSMIT_LANES; i++) {
		struct transmit_lane *lane = &control.lane_of[i];

		if (i >= control.lanes)
			break;
		frames += look_at(lane);
		all += lane->end - lane->next;
	}
	/* And frames that were seen are read after that. */
	if (all)
		__sync_val_compare_and_swap(&control.barrier, 0, 0);
	control.nothing = !all;
	control.held_ifindex = 0;
	control.hold_all = 0;
	control.lane++;
	control.left = all;
	control.owed = 0;
	if (ticket == control.answered)
		return;
	if (!frames)
		answer(ticket);
	else if (frames == all)
		control.owed = ticket; /* once all have been taken: sooner than at the next batch, which would be an empty one */
}

/* The lane of the next frame; TRANSMIT_LANES when there is none. */
static __always_inline __u32 next_lane(void)
{
	__u32 number = control.lane;

	for (__u32 i = 0; i < TRANSMIT_LANES; i++, number++) {
		struct transmit_lane *lane;

		if (number >= control.lanes)
			number = 0;
		lane = &control.lane_of[number & (TRANSMIT_LANES - 1)];
		if (lane->next != lane->end) {
			control.lane = number;
			return number;
		}
		if (i >= control.lanes)
			break;
	}
	return TRANSMIT_LANES;
}

static __always_inline int write_frame(struct xdp_md *ctx, __u32 number, __u32 place)
{
	void *slots = bpf_map_lookup_elem(&slots_of, &number);
	struct transmit_slot *slot;
	__u32 len;

	if (!slots)
		return -1;
	place &= TRANSMIT_SLOTS - 1;
	slot = bpf_map_lookup_elem(slots, &place);
	if (!slot)
		return -1;
	len = slot->len_bytes;
	if (len < TRANSMIT_FEWEST_BYTES || len > TRANSMIT_MOST_BYTES)
		len = TRANSMIT_FEWEST_BYTES;
	if (len != TRANSMIT_FIRST_BYTES && bpf_xdp_adjust_tail(ctx, (int)len - TRANSMIT_FIRST_BYTES))
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, 0, slot->bytes, len);
}

SEC("xdp")
int transmit(struct xdp_md *ctx)
{
	struct transmit_lane *lane;
	__u32 position = control.position, number;

	/* It also hangs on a device, so that the kernel has it at hand (bpf_prog_change_xdp); nothing arrives there. */
	if (ctx->ingress_ifindex != LOOPBACK_IFINDEX)
		return XDP_PASS;
	control.position = (position + 1) & (TRANSMIT_BATCH - 1);
	if (!position)
		begin_batch();
	if (control.nothing)
		return XDP_DROP;
	number = next_lane();
	if (number >= TRANSMIT_LANES) {
		control.nothing = 1;
		return XDP_DROP;
	}
	lane = &control.lane_of[number & (TRANSMIT_LANES - 1)];
	if (write_frame(ctx, number, lane->next)) {
		control.nothing = 1; /* not to be expected; it is tried again */
		return XDP_DROP;
	}
	lane->next++;
	lane->expected++;
	return (int)bpf_redirect_map(&devices, number, XDP_ABORTED);
}

static __always_inline void hold_back(__u32 ifindex)
{
	if (control.held_ifindex && control.held_ifindex != ifindex)
		control.hold_all = 1;
	control.held_ifindex = ifindex;
}

SEC("xdp/devmap")
int leave_or_hold(struct xdp_md *ctx)
{
	if (control.held_ifindex && (control.hold_all || ctx->egress_ifindex == control.held_ifindex))
		return XDP_DROP;
	return XDP_PASS;
}

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

/*
 * What became of a bulk of redirected frames. Ours are those that this thread flushes for the loopback device, on whose
 * behalf the kernel runs the program: not those of a driver's poll that happens to interrupt the thread.
 */
SEC("tp_btf/xdp_devmap_xmit")
int BPF_PROG(count_taken, const struct net_device *from, const struct net_device *to, int sent, int drops, int err)
{
	if (bpf_get_current_task() != control.task || from->ifindex != LOOPBACK_IFINDEX)
		return 0;
	for (__u32 i = 0; i < TRANSMIT_LANES; i++) {
		struct transmit_lane *lane = &control.lane_of[i];

		if (i >= control.lanes)
			break;
		if (lane->ifindex != (__u32)to->ifindex || !lane->expected)
			continue;
		lane->expected -= (__u32)(sent + drops);
		lane->done += (__u32)sent;
		control.left -= (__u32)sent;
		if (!control.left && control.owed) {
			answer(control.owed);
			control.owed = 0;
		}
		if (drops) {
			if (control.held_ifindex != lane->ifindex)
				lane->full = !sent;
			lane->end = lane->next;
			lane->retries += (__u32)drops;
			hold_back(lane->ifindex);
		} else {
			lane->full = 0;
		}
		break;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
