"""Differential test of the router: the same 100,000 packets through ours and through Linux's, with the same addresses,
MACs, routes, neighbours and MTUs, must come out the same.

Beside ours runs Linux with forwarding on, as for any user: it gets what is not ours (options, extension headers,
groups, its own addresses), so that this must come out the same too. That it does not do our work is shown by counters:
what Linux's router made of ordinary packets is exactly what ours counts as routed.

Compared are: the cable and its Ethernet header, and the packet, byte by byte up to its IP total length; fragments when
put together again; what a router says itself without the IPv4 identification and the IPv6 flow label."""

import collections
import time

import pytest

from router_packets import SENDERS4, SENDERS6, Input, Maker, v4, v6
from starocean_lab import differential
from starocean_lab.differential import MAC, VLAN_IN, VLAN_OUT, Output, Side

PACKETS = 100_000
BATCH = 1000
SEED = 4
_SENDERS4 = (int(SENDERS4[0]), int(SENDERS4[0]) + SENDERS4.num_addresses)
_SENDERS6 = SENDERS6[0].packed[:8]

DESTINATIONS4 = {
    "routed": [v4(a) for a in ("198.18.1.1", "198.18.1.127", "198.18.1.128", "198.18.1.255", "198.18.2.77")],
    "to a small MTU": [v4(a) for a in ("198.18.2.1", "198.18.2.78", "198.18.2.255", "10.3.0.4")],
    "to a VLAN": [v4("198.18.3.9"), v4("10.4.0.2")],
    "connected": [v4("10.2.0.1"), v4("10.2.0.8"), v4("10.2.0.0"), v4("10.3.0.3")],
    "back": [v4("198.18.9.1"), v4("10.1.0.3")],
    "none": [v4("203.0.113.1"), v4("198.18.13.5"), v4("8.8.8.8")],
    "refused": [v4("198.18.10.1"), v4("198.18.11.1"), v4("198.18.12.1")],
    "own": [v4("10.1.0.254"), v4("10.2.0.254"), v4("192.0.2.1")],
    "group": [v4(a) for a in ("224.0.0.1", "239.1.2.3", "255.255.255.255", "10.2.0.255", "10.1.0.255", "240.0.0.1")],
    "martian": [v4("0.0.0.0"), v4("0.1.2.3"), v4("127.0.0.1"), v4("127.8.8.8")],
}
DESTINATIONS6 = {
    "routed": [v6(a) for a in ("fd99:1::1", "fd99:1:0:8000::1", "fd99:2::77", "fd99:5::1")],
    "to a small MTU": [v6("fd99:2::1"), v6("fd99:2::78"), v6("fd00:3::4")],
    "to a VLAN": [v6("fd99:3::9"), v6("fd00:4::2")],
    "connected": [v6("fd00:2::1"), v6("fd00:2::8"), v6("fd00:3::3")],
    "back": [v6("fd99:9::1"), v6("fd00:1::3")],
    "none": [v6("2001:db8:ffff::1"), v6("fd99:13::5")],
    "refused": [v6("fd99:10::1"), v6("fd99:11::1"), v6("fd99:12::1")],
    "own": [v6("fd00:1::fe"), v6("fd00:2::fe"), v6("2001:db8::1")],
    "group": [v6(a) for a in ("ff02::1", "ff0e::1234", "ff01::1", "fe80::77")],
    "martian": [v6("::"), v6("::1"), v6("::ffff:10.2.0.1"), v6("::10.2.0.1")],
}
# On other cables, the router's own, of no station.
# Many of the first: Linux limits what it tells one of no route (net.ipv4.route.error_cost, of the whole machine).
SOURCES4 = [v4(f"192.168.{n // 250}.{n % 250}") for n in range(5000)] + 400 * [v4(a) for a in (
    "10.2.0.254", "192.0.2.1", "127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.2.3", "255.255.255.255",
    "240.0.0.1", "10.1.0.255", "203.0.113.9", "198.18.10.1", "198.18.11.1")]
SOURCES6 = [v6(a) for a in ("fd77::1", "fd00:2::5", "fd00:2::fe", "2001:db8::1", "::1", "::", "ff02::1", "ff0e::5",
                            "fe80::1", "2001:db8:ffff::9", "fd99:10::1", "fd99:11::1", "::ffff:10.2.0.1")]
OWN = {*DESTINATIONS4["own"], *DESTINATIONS6["own"], *(v4(f"10.{n}.0.254") for n in (3, 4, 10)),
       *(v6(f"fd00:{n:x}::fe") for n in (3, 4, 10)), *(v6(f"fe80::ff:fe00:{n}fe") for n in (1, 2, 3, 4))}


def start(lab, ours):
    return lab.starocean(ours.router, {
        "version": 1, "memory": {"frames": 32768}, "icmp_rate": 0,
        "interfaces": {device: {"checksums": "off"} for device in MAC},
        "vlans": {"in0.10": {"link": "in0", "id": VLAN_IN}, "out3.20": {"link": "out3", "id": VLAN_OUT}},
        "vrfs": {"main": {"interfaces": list(differential.NETWORKS)}},
    })


def last_ones():
    """What comes last of each way that a packet goes, so that all before it has come out when it does: from the
    ingress and its VLAN to each cable and VLAN, by the router and by Linux behind it."""
    made = []
    plain = Maker(1, MAC["in0"], "02:00:00:00:09:01", VLAN_IN, {}, {}, [], [])
    for destination in ("198.18.1.1", "198.18.2.1", "198.18.3.1", "198.18.9.1", "10.10.0.1"):
        for tagged in (False, True):
            for options in (b"", b"\1\1\1\0"):
                made.append(plain.plain4(len(made), v4(destination), options, tagged))
    return made


NOBODY = Input(0, "nobody's", b"", True)
ZERO_NETWORK = v4("0.1.2.3")
BROADCAST_SOURCE = v4("10.1.0.255")


class Comparison:
    """Of both sides, batch by batch."""

    def __init__(self, ours, linux):
        self.sides = (ours, linux)
        self.differences = collections.defaultdict(list)
        self.sums = collections.Counter()

    def run(self, inputs, closing):
        by_number = {one.number: one for one in inputs}
        for mask in (0xFFFF, 0xFFFFF):
            by_number.update({-1 - (one.number & mask): one for one in inputs})
        self.sums["slow"] += sum(one.slow for one in inputs)
        ours, linux = (self._pass(side, inputs, closing) for side in self.sides)
        for number in set(ours) | set(linux):
            self._compare(by_number.get(number, NOBODY), ours.get(number, []), linux.get(number, []))

    def _pass(self, side, inputs, closing):
        for one in inputs:
            side.send(one.frame)
        for one in closing:
            side.send(one.frame)
        return self._collect(side, {one.number for one in closing})

    @staticmethod
    def _collect(side, closing):
        found = collections.defaultdict(list)
        missing = set(closing)
        deadline = time.monotonic() + 20
        while missing and time.monotonic() < deadline:
            for device, frame in side.frames(timeout_s=0.001):
                output = Output(device, frame, _SENDERS4, _SENDERS6)
                missing.discard(output.number)
                if output.number is not None and output.number not in closing:
                    found[output.number].append(output)
        assert not missing, f"{side.router}: the closing packets {sorted(missing)} of a batch did not come out"
        return found

    def _compare(self, source, ours, linux):
        ours, linux = ([one for one in outputs if not is_redirect(one)] for outputs in (ours, linux))
        self._count(source, *split(ours))
        if source.packet()[12:16] == BROADCAST_SOURCE and source.slow:
            # Linux's errors on both sides, which it limits by source even so (net.ipv4.route.error_cost).
            ours, linux = ([one for one in outputs if one.about is None] for outputs in (ours, linux))
        ours, linux = split(ours), split(deliberate(source, linux))
        same = sorted(map(differential.masked, ours[1])) == sorted(map(differential.masked, linux[1])) \
            and differential.whole(ours[0]) == differential.whole(linux[0])
        if not same:
            self.differences[source.kind].append((source, ours, linux))

    def _count(self, source, passing, said):
        self.sums["came to something"] += 1
        if not source.slow:
            self.sums["routed" + source.kind[3]] += bool(passing)
            self.sums["errors"] += any(one.about is not None for one in said) and " own" not in source.kind


def split(outputs):
    """Those that pass, and those that the router says itself."""
    passing, own = [], []
    for one in outputs:
        four = one.link[-2:] == b"\x08\x00"
        source = one.packet[12:16] if four else one.packet[8:24]
        said = source in OWN and (one.about is not None or one.number is not None and one.number >= 0)
        (own if said else passing).append(one)
    return passing, own


def is_redirect(output):
    """IPv6's of a router: ours makes none (starocean/dataplane/router.h), Linux has no switch for them and limits them
    by destination."""
    packet = output.packet
    return output.link[-2:] == b"\x86\xdd" and packet[6:8] == b"\x3a\xff" and packet[40:41] == b"\x89" and \
        packet[8:24] in OWN and packet[8:10] == b"\xfe\x80"


def deliberate(source, outputs):
    """What Linux's router puts out, without what ours leaves out on purpose."""
    packet = source.packet()
    if source.kind.startswith("IPv4") and len(packet) >= 20:
        # "Network 0", which Linux has routed as any other since 5.3: RFC 1122, 3.2.1.3 (b); RFC 1812, 5.3.7.
        if not source.directly and ZERO_NETWORK in (packet[12:16], packet[16:20]):
            return []
        # No errors to a broadcast address: RFC 1812, 4.3.2.7.
        if not source.slow and packet[12:16] == BROADCAST_SOURCE:
            return [one for one in outputs if one.about is None]
    if source.kind.startswith("IPv6") and len(packet) >= 40:
        # Never forwarded: RFC 4291, 2.5.2. Linux does, back to the link that it came from.
        if not source.slow and packet[8:24] == bytes(16):
            outputs = []
        # No errors about redirects: RFC 4443, 2.4 (e.2).
        if not source.slow and packet[6] == 58 and packet[40:41] == b"\x89":
            outputs = [one for one in outputs if one.about is None]
    return outputs


def told(differences):
    lines = []
    for kind, found in sorted(differences.items()):
        lines.append(f"{kind}: {len(found)}")
        for source, ours, linux in found[:3]:
            lines.append(f"    in {source.frame[:120].hex()} ({len(source.frame)})")
            for name, outputs in (("ours", ours), ("Linux", linux)):
                for what, part in zip(("passes", "says"), outputs):
                    for one in part:
                        lines.append(f"    {name} {what} {one.device} {one.link.hex()} {one.packet[:80].hex()} "
                                     f"({len(one.packet)})")
    return "\n".join(lines)


@pytest.fixture(name="sides")
def _sides(lab):
    ours, linux = Side(lab, "ours", start=lambda side: start(lab, side)), Side(lab, "linux")
    ours.daemon.reload()  # returns when all that Linux has is live
    yield ours, linux
    for side in (ours, linux):
        side.close()


def test_ours_and_linux_agree(sides):
    ours, linux = sides
    daemon = ours.daemon
    make = Maker(SEED, MAC["in0"], "02:00:00:00:09:01", VLAN_IN, DESTINATIONS4, DESTINATIONS6, SOURCES4, SOURCES6)
    comparison = Comparison(ours, linux)
    closing = last_ones()
    for first in range(len(closing), PACKETS, BATCH):
        comparison.run([make.make(number) for number in range(first, min(first + BATCH, PACKETS))], closing)
    counters = daemon.counters()
    sums = comparison.sums
    print(dict(sums), {key: value for key, value in counters.items() if value})
    assert not comparison.differences, told(comparison.differences)
    # It was ours that did what is ours; half of each batch's closing packets have no options.
    batches = -(-(PACKETS - len(closing)) // BATCH)
    assert counters["routed4"] == sums["routed4"] + batches * len(closing) // 2
    assert counters["routed6"] == sums["routed6"]
    assert counters["icmp_errors"] >= sums["errors"] > PACKETS // 10
    assert min(sums["routed4"], sums["routed6"]) > PACKETS // 10
    assert counters["punted"] <= sums["slow"] + batches * len(closing) // 2
    assert counters["drop_tx_full"] == counters["neighbour_waits"] == 0
    daemon.assert_conserved()
