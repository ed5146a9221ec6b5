/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The probe: what every generated frame carries as its UDP payload, and how delays are binned. Shared by
 * the generator (generate.bpf.c), the checker (check.bpf.c) and user space (starocean/bench/probe.h), so
 * that all agree. Included by C for BPF and by C++. Pure.
 *
 * Payload, 18 bytes and then filler to the end of the UDP datagram:
 *
 *   bytes 0-7   first word, big-endian:   magic:16 | stream:4 | flow:20 | scheduled bits 39-16:24
 *   bytes 8-15  second word, big-endian:  sequence:32 | scheduled bits 15-0:16 | lateness code:16
 *   bytes 16-17 check, big-endian:        the top 16 bits of the key
 *   filler      pairs of 64-bit little-endian words (x, ~x) with x = key + pair number * PROBE_STRIDE;
 *               what is left at the end, less than a pair, is zero
 *
 * The key is a hash of both words without the magic. So the filler of every frame differs from that of
 * every other, a mix-up of buffers or fragments shows, and each of its bytes is checked exactly, not by a
 * sum. A pair adds up to nothing in the Internet checksum, so that filler costs the generator no summing.
 *
 * "scheduled" is when the frame was due, in ns of CLOCK_MONOTONIC (bpf_ktime_get_ns), modulo 2^40 (18
 * minutes); the lateness is how long after that it was stamped and handed to the device.
 */
#ifndef STAROCEAN_BPF_PROBE_H
#define STAROCEAN_BPF_PROBE_H

#include <linux/types.h>

#define PROBE_LEN 18
#define PROBE_MAGIC 0x5cea
#define PROBE_TTL 64 /* TTL or hop limit of generated packets (RFC 1700: the default) */
#define PROBE_STREAMS 16
#define PROBE_MAX_FLOWS (1 << 20)
#define PROBE_PAIR_LEN 16
#define PROBE_TIME_MASK 0xffffffffffULL
/* 2^64 divided by the golden ratio, made odd: multiples are spread evenly (Knuth, TAOCP 3, 6.4). */
#define PROBE_STRIDE 0x9e3779b97f4a7c15ULL

static inline __attribute__((always_inline)) __u64 probe_first_word(__u32 stream, __u32 flow, __u64 scheduled_ns)
{
	return (__u64)PROBE_MAGIC << 48 | (__u64)stream << 44 | (__u64)flow << 24 | ((scheduled_ns >> 16) & 0xffffff);
}

static inline __attribute__((always_inline)) __u64 probe_second_word(__u32 sequence, __u64 scheduled_ns, __u32 late)
{
	return (__u64)sequence << 32 | (scheduled_ns & 0xffff) << 16 | late;
}

static inline __attribute__((always_inline)) __u64 probe_key(__u64 first, __u64 second)
{
	__u64 hash = (first & 0xffffffffffffULL) + PROBE_STRIDE; /* of zeros it is not zero */

	hash *= 0xd1342543de82ef95ULL;
	hash ^= hash >> 32;
	hash ^= second;
	hash *= 0xaf251af3b0f025b5ULL;
	hash ^= hash >> 29;
	return hash * 0xd1342543de82ef95ULL;
}

static inline __attribute__((always_inline)) __u32 probe_check(__u64 key) { return (__u32)(key >> 48); }
static inline __attribute__((always_inline)) __u32 probe_stream(__u64 first) { return (first >> 44) & 0xf; }
static inline __attribute__((always_inline)) __u32 probe_flow(__u64 first) { return (first >> 24) & 0xfffff; }
static inline __attribute__((always_inline)) __u32 probe_sequence(__u64 second) { return (__u32)(second >> 32); }
static inline __attribute__((always_inline)) __u64 probe_scheduled(__u64 first, __u64 second)
{
	return (first & 0xffffff) << 16 | ((second >> 16) & 0xffff);
}

/*
 * Lateness as exponent:4 | mantissa:12, mantissa << exponent ns, rounded down: exact below 4096 ns, to
 * 1/2048 above. PROBE_LATE_UNKNOWN: 134 ms or more.
 */
#define PROBE_LATE_UNKNOWN 0xffff

static inline __attribute__((always_inline)) __u32 probe_late_code(__u64 late_ns)
{
	__u32 exponent = 0;

	if (late_ns < 4096)
		return (__u32)late_ns;
	if (late_ns >= 0xfffULL << 15)
		return PROBE_LATE_UNKNOWN;
	if (late_ns >= 4096 << 8) {
		late_ns >>= 8;
		exponent += 8;
	}
	if (late_ns >= 4096 << 4) {
		late_ns >>= 4;
		exponent += 4;
	}
	if (late_ns >= 4096 << 2) {
		late_ns >>= 2;
		exponent += 2;
	}
	if (late_ns >= 4096 << 1) {
		late_ns >>= 1;
		exponent += 1;
	}
	if (late_ns >= 4096) {
		late_ns >>= 1;
		exponent += 1;
	}
	return exponent << 12 | (__u32)late_ns;
}

static inline __attribute__((always_inline)) __u64 probe_late_ns(__u32 code)
{
	return (__u64)(code & 0xfff) << (code >> 12);
}

/*
 * Bins of delays: values below 256 have a bin each; above, every power of two is cut into 128 bins, so a
 * bin is at most 1/128 = 0.78 % wide. Values are below 2^40.
 */
#define DELAY_SUB_BITS 7
#define DELAY_BINS ((40 - DELAY_SUB_BITS + 1) << DELAY_SUB_BITS)

static inline __attribute__((always_inline)) __u32 delay_bin(__u64 value)
{
	__u64 rest = value >> (DELAY_SUB_BITS + 1);
	__u32 shift = 0;

	if (!rest)
		return (__u32)value;
	if (rest >> 16) {
		rest >>= 16;
		shift += 16;
	}
	if (rest >> 8) {
		rest >>= 8;
		shift += 8;
	}
	if (rest >> 4) {
		rest >>= 4;
		shift += 4;
	}
	if (rest >> 2) {
		rest >>= 2;
		shift += 2;
	}
	shift += rest >> 1 ? 2 : 1;
	return (shift << DELAY_SUB_BITS) + (__u32)(value >> shift);
}

#endif
