// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The traffic generator: run by BPF_PROG_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, attached to nothing. Each
 * run gets a frame out of the kernel's recycling pool, and either fills it in and sends it out of the
 * device, or, when no frame is due, gives it back (XDP_DROP).
 *
 * Frames come back as whoever got them left them, so every byte is written anew each time.
 *
 * Pacing is open loop: frame n is due at start + n * step, whatever became of those before; when late,
 * frames go out one after the other until the schedule is caught up with, or, beyond the patience that was asked
 * for, the schedule goes on from now. The kernel runs the program in
 * batches with softirqs off, and flushes frames to the device at the end of each. A batch in which a frame
 * is waiting to be flushed never waits for the next frame; any other waits at most once, about 2 us.
 *
 * Sources: net/bpf/test_run.c and kernel/bpf/devmap.c of Linux 6.18; Documentation/bpf/bpf_prog_run.rst.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "generate.h"
#include "probe.h"

#define UDP_LEN 8
#define LOOPBACK_IFINDEX 1
#define WAIT_ROUNDS 64 /* about 30 ns each */
#define MAX_PAIRS 256  /* of 16 bytes: a live frame has less than 4096 */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct generate_flow);
	__uint(max_entries, 1); /* set to the number of flows at load */
	__uint(map_flags, BPF_F_MMAPABLE);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} device SEC(".maps");

/* One word when the last frame has been made: wakes user space. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ended SEC(".maps");

const volatile struct generate_shape shape = {};
volatile struct generate_control control = {};
struct generate_state state = {};
struct generate_egress egress = {};

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

static __always_inline void write_ethernet(void *at, const struct generate_flow *flow)
{
	*(__u64 *)at = *(__u64 *)flow->macs;
	*(__u32 *)(at + 8) = *(__u32 *)(flow->macs + 8);
	if (shape.vlan) {
		*(__u16 *)(at + 12) = shape.vlan;
		*(__u16 *)(at + 14) = flow->vlan_tci;
		at += 4;
	}
	*(__u16 *)(at + 12) = shape.ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
}

/* Identification 0 and "don't fragment": an atomic datagram (RFC 6864, 4). */
static __always_inline void write_ipv4(__u32 *at, const struct generate_flow *flow, __u32 len)
{
	__u32 first = bpf_htonl(0x45000000 | len);
	__u32 second = bpf_htonl(0x00004000);
	__u32 third = bpf_htonl(PROBE_TTL << 24 | IPPROTO_UDP << 16);
	__u32 sum = fold((__u64)first + second + third + flow->address_sum);

	at[0] = first;
	at[1] = second;
	*(__u16 *)(at + 2) = (__u16)third;
	*((__u16 *)(at + 2) + 1) = (__u16)~sum;
	at[3] = flow->addresses[0];
	at[4] = flow->addresses[1];
}

static __always_inline void write_ipv6(__u32 *at, const struct generate_flow *flow, __u32 len)
{
	at[0] = bpf_htonl(0x60000000);
	at[1] = bpf_htonl(len << 16 | IPPROTO_UDP << 8 | PROBE_TTL);
	for (int i = 0; i < 8; i++)
		at[2 + i] = flow->addresses[i];
}

static __always_inline int write_filler(void *at, const void *end, __u64 key, __u32 len)
{
	__u32 pairs = len / PROBE_PAIR_LEN;

	for (__u32 i = 0; i < MAX_PAIRS; i++) {
		if (i >= pairs)
			break;
		if (at + PROBE_PAIR_LEN > end)
			return -1;
		*(__u64 *)at = __cpu_to_le64(key);
		*(__u64 *)(at + 8) = __cpu_to_le64(~key);
		at += PROBE_PAIR_LEN;
		key += PROBE_STRIDE;
	}
	for (__u32 i = 0; i < PROBE_PAIR_LEN - 1; i++) {
		if (i >= len % PROBE_PAIR_LEN)
			break;
		if (at + 1 > end)
			return -1;
		*(__u8 *)at = 0;
		at++;
	}
	return 0;
}

static __always_inline int write_frame(struct xdp_md *ctx, struct generate_flow *flow, __u32 number, __u32 size,
				       __u64 scheduled, __u64 now)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 ip_at = ETH_HLEN + (shape.vlan ? 4 : 0);
	__u32 udp_at = ip_at + (shape.ipv6 ? 40 : 20);
	__u32 udp_len = size - udp_at;
	__u64 first = probe_first_word(control.stream, number, scheduled);
	__u64 second = probe_second_word(flow->sequence++, scheduled, probe_late_code(now - scheduled));
	__u64 key = probe_key(first, second), sum;
	__u16 *udp;

	if (data + udp_at + UDP_LEN + PROBE_LEN > end)
		return -1;
	write_ethernet(data, flow);
	if (shape.ipv6)
		write_ipv6(data + ip_at, flow, udp_len);
	else
		write_ipv4(data + ip_at, flow, udp_len + 20);
	first = bpf_cpu_to_be64(first);
	second = bpf_cpu_to_be64(second);
	udp = data + udp_at;
	udp[0] = flow->source_port;
	udp[1] = flow->destination_port;
	udp[2] = bpf_htons(udp_len);
	*(__u64 *)(udp + 4) = first;
	*(__u64 *)(udp + 8) = second;
	udp[12] = bpf_htons(probe_check(key));
	/* RFC 768 and RFC 8200, 8.1: addresses, protocol, length; the header; the payload. */
	sum = (__u64)flow->address_sum + bpf_htons(IPPROTO_UDP) + 2 * (__u64)udp[2] + udp[0] + udp[1] + udp[12] +
	      words_of(first) + words_of(second);
	sum = (__u16)~fold(sum);
	udp[3] = sum ? sum : 0xffff;
	return write_filler(data + udp_at + UDP_LEN + PROBE_LEN, end, key, udp_len - UDP_LEN - PROBE_LEN);
}

static __always_inline void begin_run_or_resume(__u64 now)
{
	if (!state.first_ns) {
		state.due_ns = control.start_ns > now ? control.start_ns : now;
		state.first_ns = state.due_ns;
		state.end_ns = control.duration_ns ? state.due_ns + control.duration_ns : 0;
		state.last_ns = now;
	} else if (control.resume) {
		state.paused_ns += now - state.last_ns;
		if (now > state.due_ns)
			state.due_ns = now;
	}
	state.task = bpf_get_current_task();
	control.resume = 0;
}

static __always_inline void end_run(void)
{
	__u64 word = 1;

	if (state.done)
		return;
	state.done = 1;
	bpf_ringbuf_output(&ended, &word, sizeof(word), BPF_RB_FORCE_WAKEUP);
}

static __always_inline int run_is_over(__u64 now)
{
	if (control.limit && state.frames >= control.limit)
		return 1;
	if (!state.end_ns)
		return 0;
	if (!control.step_ns && !control.step_fraction)
		return now >= state.end_ns;
	/* All that is due before the end is sent, if late, but not without bound; what is due then is not. */
	return state.due_ns >= state.end_ns || now >= state.end_ns + control.grace_ns;
}

/* The time when the frame may go; 0: none is due in this place of the batch. */
static __always_inline __u64 wait_until_due(__u64 now)
{
	if (now >= state.due_ns)
		return now;
	if (state.pending || state.waited)
		return 0;
	state.waited = 1;
	for (int i = 0; i < WAIT_ROUNDS; i++) {
		now = bpf_ktime_get_ns();
		if (now >= state.due_ns)
			return now;
	}
	return 0;
}

/* Returns when the frame was due, and sets the date of the next. */
static __always_inline __u64 take_due(__u64 now)
{
	__u64 due = state.due_ns, fraction;

	if (!control.step_ns && !control.step_fraction)
		return now;
	if (control.patience_ns && now > due + control.patience_ns) {
		state.skipped_ns += now - due;
		due = now;
	}
	fraction = (__u64)state.due_fraction + control.step_fraction;
	state.due_fraction = (__u32)fraction;
	state.due_ns = due + control.step_ns + (fraction >> 32);
	if (now - due > state.late_max_ns)
		state.late_max_ns = now - due;
	return due;
}

/* state.flow is the flow of the coming frame. At random: xorshift64 (Marsaglia 2003), scaled. */
static __always_inline __u32 next_flow(void)
{
	__u32 flow = state.flow;
	__u64 x = state.random;

	if (!shape.random) {
		state.flow = flow + 1 < shape.flows ? flow + 1 : 0;
		return flow;
	}
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	state.random = x;
	state.flow = (__u32)(((x >> 32) * shape.flows) >> 32);
	return flow;
}

/* With many flows at random the coming one is in no cache: its line is fetched while this frame is sent. */
static __always_inline void touch_coming_flow(void)
{
	__u32 coming = state.flow;
	struct generate_flow *flow;

	if (!shape.random)
		return;
	flow = bpf_map_lookup_elem(&flows, &coming);
	if (flow)
		*(volatile __u32 *)&flow->sequence;
}

static __always_inline __u32 next_size(void)
{
	__u32 slot = state.size;

	if (shape.size_count == 1)
		return shape.sizes[0];
	state.size = slot + 1 < shape.size_count ? slot + 1 : 0;
	return shape.sizes[slot & (GENERATE_SIZES - 1)];
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_ns(), scheduled;
	__u32 number, size;
	struct generate_flow *flow;

	if (control.stop || state.done)
		return XDP_DROP;
	if (control.resume)
		begin_run_or_resume(now);
	if (++state.position > control.batch) {
		state.position = 1;
		state.pending = 0;
		state.waited = 0;
	}
	if (run_is_over(now)) {
		end_run();
		return XDP_DROP;
	}
	now = wait_until_due(now);
	if (!now)
		return XDP_DROP;
	number = next_flow();
	flow = bpf_map_lookup_elem(&flows, &number);
	if (!flow)
		return XDP_ABORTED;
	size = next_size();
	if (shape.size_count > 1 && bpf_xdp_adjust_tail(ctx, (int)size - (int)shape.longest))
		return XDP_ABORTED;
	scheduled = take_due(now);
	if (write_frame(ctx, flow, number, size, scheduled, now))
		return XDP_ABORTED;
	touch_coming_flow();
	state.pending++;
	state.frames++;
	state.bytes += size;
	state.last_ns = now;
	return bpf_redirect_map(&device, 0, XDP_ABORTED);
}

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

/*
 * What became of a bulk of redirected frames. The run's own are those that its thread flushes, with softirqs
 * off; and not for a driver's poll that happens to interrupt the thread, but for the loopback device, on whose
 * behalf the kernel runs the program.
 */
SEC("tp_btf/xdp_devmap_xmit")
int BPF_PROG(count_egress, const struct net_device *from, const struct net_device *to, int sent, int drops, int err)
{
	if (bpf_get_current_task() != state.task || from->ifindex != LOOPBACK_IFINDEX || to->ifindex != (int)shape.ifindex)
		return 0;
	egress.sent += (__u32)sent;
	egress.dropped += (__u32)drops;
	if (err < 0)
		egress.last_error = (__u64)-err;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
