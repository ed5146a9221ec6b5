// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Decides, before Linux allocates anything for a frame, whether it goes to user space (the AF_XDP socket
 * of its receive queue) or on to Linux. One instance per interface. The order of decision:
 *
 *   1. exact claims: EtherType; protocol, destination address, destination port; ARP and ND target
 *   2. ICMP errors that quote a packet sent from a claimed address and port
 *   3. fragments to an address with claims: user space reassembles them, or gives them back
 *   4. by the interface's mode: every frame; or those to be routed, those to Linux's own addresses excepted
 *   5. everything else: Linux
 *
 * A claimed frame whose queue has no socket goes to Linux too, so that an interface keeps working while
 * user space starts, stops, or is dead.
 */
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 64); /* set to the number of queues at load */
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct steer_key);
	__type(value, __u8);
	__uint(max_entries, STEER_MAX_CLAIMS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} claims SEC(".maps");

/* Shapes: STEER_PROTOCOL, with or without STEER_ADDRESS. An entry for each claim that names a port. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct steer_key);
	__type(value, __u8);
	__uint(max_entries, STEER_MAX_CLAIMS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct steer_counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

const volatile __u32 look_through_vlan = 0;  /* claims also match inside one or two VLAN tags */
const volatile __u32 stamp_arrival = 0;      /* put the time in front of what goes to user space */
const volatile __u32 no_socket_verdict = XDP_PASS; /* of what is claimed on a queue that has no socket */
/* Addresses of Linux itself, for STEER_TRANSIT. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct steer_address);
	__type(value, __u8);
	__uint(max_entries, STEER_MAX_LOCAL);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} local SEC(".maps");

__u32 steer_mode = STEER_BY_RULE;
struct steer_route steer_route = {};
__u64 steer_local[STEER_LOCAL_BITS / 64] = {};
__u32 steer_shapes = 0;                      /* bit (1 << shape): claims of that shape exist */

static __always_inline int find(void *map, const struct tuple *tuple, __u8 shape)
{
	struct steer_key key = {.ether_type = tuple->ether_type, .shape = shape};

	if (shape & STEER_PROTOCOL)
		key.protocol = tuple->protocol;
	if (shape & STEER_PORT)
		key.port = tuple->port;
	if (shape & STEER_ADDRESS)
		__builtin_memcpy(key.address, tuple->address, sizeof(key.address));
	if (shape & STEER_TARGET)
		__builtin_memcpy(key.address, tuple->target, sizeof(key.address));
	return bpf_map_lookup_elem(map, &key) != 0;
}

static __always_inline int find_claim(const struct tuple *tuple, __u32 shapes, __u8 shape)
{
	return (shapes & (1 << shape)) && find(&claims, tuple, shape);
}

/* A claim that names a port is a claim on every fragment of its protocol to its address. */
static __always_inline int fragment_is_claimed(const struct tuple *tuple, __u32 shapes)
{
	const __u32 exact = STEER_PROTOCOL | STEER_ADDRESS;

	if (!tuple->fragment)
		return 0;
	return ((shapes & (1 << (exact | STEER_PORT))) && find(&fragments, tuple, exact)) ||
	       ((shapes & (1 << (STEER_PROTOCOL | STEER_PORT))) && find(&fragments, tuple, STEER_PROTOCOL));
}

/* Not inline: see read_ipv4(). */
__attribute__((noinline)) int tuple_is_claimed(const struct tuple *tuple, __u32 shapes)
{
	if (!tuple)
		return 0;
	if (tuple->has_port && (find_claim(tuple, shapes, STEER_PROTOCOL | STEER_ADDRESS | STEER_PORT) ||
				find_claim(tuple, shapes, STEER_PROTOCOL | STEER_PORT)))
		return 1;
	return find_claim(tuple, shapes, STEER_PROTOCOL | STEER_ADDRESS) ||
	       find_claim(tuple, shapes, STEER_ADDRESS) || find_claim(tuple, shapes, STEER_PROTOCOL) ||
	       fragment_is_claimed(tuple, shapes);
}

static __always_inline int read_ip(struct xdp_md *ctx, __u32 offset, __u32 end, struct tuple *tuple)
{
	return tuple->ether_type == bpf_htons(ETH_P_IP) ? read_ipv4(ctx, offset, end, tuple)
							: read_ipv6(ctx, offset, end, tuple);
}

/* `offset` is that of the upper-layer header of `outer`. */
static __always_inline int quotes_claimed(struct xdp_md *ctx, __u32 offset, const struct tuple *outer,
					  __u32 shapes)
{
	struct tuple quoted = {.ether_type = outer->ether_type};

	offset = enter_icmp_error(cursor_at(ctx, offset), outer);
	return offset && read_ip(ctx, offset, SOURCE, &quoted) && tuple_is_claimed(&quoted, shapes);
}

static __always_inline int ip_is_claimed(struct xdp_md *ctx, __u32 offset, struct tuple *tuple, __u32 shapes)
{
	offset = read_ip(ctx, offset, DESTINATION, tuple);
	if (!offset)
		return 0;
	read_solicitation(cursor_at(ctx, offset), tuple);
	if (tuple->has_target && find_claim(tuple, shapes, STEER_TARGET))
		return 1;
	return tuple_is_claimed(tuple, shapes) || quotes_claimed(ctx, offset, tuple, shapes);
}

static __always_inline int is_vlan(__u16 ether_type)
{
	return ether_type == bpf_htons(ETH_P_8021Q) || ether_type == bpf_htons(ETH_P_8021AD);
}

static __always_inline int frame_is_claimed(struct xdp_md *ctx, __u32 shapes)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = take(&cursor, sizeof(*ethernet));
	struct tuple tuple = {};

	if (!ethernet)
		return 0;
	tuple.ether_type = ethernet->h_proto;
	for (int i = 0; look_through_vlan && i < MAX_VLAN_TAGS && is_vlan(tuple.ether_type); i++) {
		struct vlan_header *tag = take(&cursor, sizeof(*tag));

		if (!tag)
			return 0;
		tuple.ether_type = tag->ether_type;
	}
	if (find_claim(&tuple, shapes, 0))
		return 1;
	switch (tuple.ether_type) {
	case bpf_htons(ETH_P_ARP):
		read_arp(&cursor, &tuple);
		return tuple.has_target && find_claim(&tuple, shapes, STEER_TARGET);
	case bpf_htons(ETH_P_IP):
	case bpf_htons(ETH_P_IPV6):
		return ip_is_claimed(ctx, cursor.offset, &tuple, shapes);
	default:
		return 0;
	}
}

/* Of 4096 bits. */
static __always_inline int has_bit(const __u64 *words, __u32 bit)
{
	__u32 word = bit >> 6;

	/* Or clang takes the word out of a swapped number by shifts whose bound not every verifier sees. */
	asm volatile("" : "+r"(word));
	return (words[word & 63] >> (bit & 63)) & 1;
}

static __always_inline int is_local(const struct steer_address *address)
{
	return has_bit(steer_local, steer_local_bit(address)) && bpf_map_lookup_elem(&local, address) != 0;
}

static __always_inline int ip4_is_transit(struct cursor *cursor)
{
	struct iphdr *ip = take(cursor, sizeof(*ip));
	struct steer_address address;

	/* Multicast, and the limited broadcast. */
	if (!ip || (ip->daddr & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || ip->daddr == 0xffffffff)
		return 0;
	/* Word by word: of a constant clang makes a section, and libbpf a map, of its own. */
	address.word[0] = 0;
	address.word[1] = 0;
	address.word[2] = bpf_htonl(0xffff);
	address.word[3] = ip->daddr;
	return !is_local(&address);
}

static __always_inline int ip6_is_transit(struct cursor *cursor)
{
	struct ipv6hdr *ip = take(cursor, sizeof(*ip));
	struct steer_address address;

	if (!ip)
		return 0;
	__builtin_memcpy(&address, &ip->daddr, sizeof(address));
	if ((address.word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
	    (address.word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
		return 0;
	return !is_local(&address);
}

/* Not inline: the verifier then walks it once. */
__attribute__((noinline)) int is_transit(struct xdp_md *ctx)
{
	struct cursor cursor = cursor_at(ctx, 0);
	struct ethhdr *ethernet = take(&cursor, sizeof(*ethernet));
	__u16 ether_type;

	if (!ethernet)
		return 0;
	ether_type = ethernet->h_proto;
	if (ether_type == bpf_htons(ETH_P_8021Q)) {
		struct vlan_header *tag = take(&cursor, sizeof(*tag));
		__u32 id;

		if (!tag)
			return 0;
		id = bpf_ntohs(tag->tci) & 0xfff;
		if (has_bit(steer_route.whole_vlans, id))
			return 1;
		if (!has_bit(steer_route.vlans, id))
			return 0;
		ether_type = tag->ether_type;
	} else if (!steer_route.untagged) {
		return 0;
	}
	for (int i = 0; i < ETH_ALEN; i++)
		if (ethernet->h_dest[i] != steer_route.mac[i])
			return 0;
	if (ether_type == bpf_htons(ETH_P_IP))
		return ip4_is_transit(&cursor);
	return ether_type == bpf_htons(ETH_P_IPV6) && ip6_is_transit(&cursor);
}

/* As metadata: the kernel carries it along in front of the frame, where there is room for it. */
static __always_inline void stamp(struct xdp_md *ctx)
{
	__u64 *arrival;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*arrival)) != 0)
		return;
	arrival = (void *)(long)ctx->data_meta;
	if ((void *)(arrival + 1) <= (void *)(long)ctx->data)
		*arrival = bpf_ktime_get_ns();
}

static __always_inline int steer(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct steer_counters *counted = bpf_map_lookup_elem(&counters, &zero);
	__u32 shapes = steer_shapes;
	int verdict;

	if (!counted)
		return XDP_PASS;
	if (steer_mode != STEER_WHOLE && !(shapes && frame_is_claimed(ctx, shapes)) &&
	    !(steer_mode == STEER_TRANSIT && is_transit(ctx))) {
		counted->passed++;
		return XDP_PASS;
	}
	verdict = bpf_redirect_map(&xsks, ctx->rx_queue_index, no_socket_verdict);
	if (verdict == XDP_REDIRECT) {
		counted->redirected++;
		if (stamp_arrival)
			stamp(ctx);
	} else {
		counted->no_socket++;
	}
	return verdict;
}

SEC("xdp")
int steer_xdp(struct xdp_md *ctx)
{
	return steer(ctx);
}

/* The same for frames of several buffers (jumbo): headers are read from the first. */
SEC("xdp.frags")
int steer_xdp_frags(struct xdp_md *ctx)
{
	return steer(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
