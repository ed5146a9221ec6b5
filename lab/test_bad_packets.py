"""Frames that no honest host sends. A switch looks at addresses only: what is inside passes unchanged."""

import os
import random
import struct

from starocean_lab import wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.wire import BROADCAST, frame, mac_bytes


def introduce(a, b, a_wire, b_wire):
    """Both addresses are learned."""
    for host, here, there in ((a, a_wire, b_wire), (b, b_wire, a_wire)):
        hello = frame(BROADCAST, host.mac, b"hello", size=60)
        here.send(hello)
        there.expect(hello)


def pass_unchanged(sender, receiver, frames):
    for data in frames:
        sender.send(data)
        receiver.expect(data)


def ipv4(total_length=None, header_words=5, version=4, protocol=17, checksum=0, fragment=0, body=b""):
    length = 20 + len(body) if total_length is None else total_length
    return struct.pack("!BBHHHBBH4s4s", version << 4 | header_words, 0, length, 1, fragment, 64, protocol,
                       checksum, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))) + body


def ipv6(payload_length, next_header, body=b""):
    return struct.pack("!IHBB", 6 << 28, payload_length, next_header, 64) + bytes(15) + b"\1" + bytes(15) \
        + b"\2" + body


def test_headers_cut_short(lab):
    """Each protocol's packet cut after every byte."""
    _, (a, b) = lab.switched(2, ipv6=False)
    tcp = struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0x80, 2, 1000, 0xBEEF, 0) + bytes(12)
    packets = [
        (0x0800, ipv4(protocol=6, body=tcp)),
        (0x0800, ipv4(body=struct.pack("!HHHH", 1, 2, 12, 0xDEAD) + b"data")),
        (0x86DD, ipv6(24, 0, bytes((44, 0, 1, 4, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 1)) + b"\x80\0\0\0\0\0\0\0")),
        (0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac_bytes(a.mac) + bytes(14)),
        (0x8100, struct.pack("!HH", 0x000A, 0x0800) + ipv4(body=bytes(8))),
    ]
    with a.wire() as a_wire, b.wire() as b_wire:
        introduce(a, b, a_wire, b_wire)
        for ethertype, packet in packets:
            # A packet socket wants more than a header, and the receiving Linux an EtherType after a tag
            # and something more.
            shortest = 6 if ethertype == 0x8100 else 1
            pass_unchanged(a_wire, b_wire, (frame(b.mac, a.mac, packet[:length], ethertype)
                                            for length in range(shortest, len(packet) + 1)))


def test_headers_that_lie(lab):
    """Wrong checksums, lengths, versions, fragments; extension headers without end."""
    _, (a, b) = lab.switched(2, ipv6=False)
    udp = struct.pack("!HHHH", 1, 2, 12, 0x1234) + b"data"
    packets = [
        (0x0800, ipv4(checksum=0xFFFF, body=udp)),
        (0x0800, ipv4(total_length=65535, body=udp)),
        (0x0800, ipv4(total_length=0, body=udp)),
        (0x0800, ipv4(total_length=19, body=udp)),
        (0x0800, ipv4(header_words=0, body=udp)),
        (0x0800, ipv4(header_words=15, body=udp)),
        (0x0800, ipv4(version=6, body=udp)),
        (0x0800, ipv4(fragment=0x2001, body=udp)),
        (0x0800, ipv4(fragment=0x1FFF, protocol=6, body=udp)),
        (0x0800, ipv4(body=struct.pack("!HHHH", 1, 2, 65535, 1) + b"x")),
        (0x0800, ipv4(body=struct.pack("!HHHH", 1, 2, 0, 1) + b"x")),
        (0x0800, ipv4(protocol=6, body=struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0xF0, 2, 1000, 1, 0))),
        (0x86DD, ipv6(65535, 17, udp)),
        (0x86DD, ipv6(0, 0, bytes(40))),
        (0x86DD, ipv6(len(udp), 59, udp)),
        (0x86DD, ipv6(1200, 0, (bytes((0, 0)) + bytes(6)) * 150)),
        (0x86DD, ipv6(8, 43, bytes((6, 255)) + bytes(6))),
        (0x88CC, bytes(100)),
        (0x0000, bytes(50)),
        (0x05DC, bytes(46)),
        (0xFFFF, bytes(46)),
    ]
    with a.wire() as a_wire, b.wire() as b_wire:
        introduce(a, b, a_wire, b_wire)
        pass_unchanged(a_wire, b_wire, (frame(b.mac, a.mac, packet, kind) for kind, packet in packets))
        tags = [(0x8100, 1)] * 8
        pass_unchanged(a_wire, b_wire, [frame(b.mac, a.mac, bytes(60), 0x0800, tags=tags)])


def test_random_frames(lab):
    """4,000 frames of random length and contents behind valid addresses, half of them seemingly IP."""
    daemon, (a, b) = lab.switched(2, ipv6=False)
    rng = random.Random(20240)
    with a.wire() as a_wire, b.wire() as b_wire:
        introduce(a, b, a_wire, b_wire)
        for number in range(4000):
            ethertype = rng.choice((0x0800, 0x86DD)) if number % 2 else rng.randrange(0x0600, 0x8100)
            body = rng.randbytes(rng.randrange(1, 1500))
            if number % 4 == 1:
                body = bytes((0x45 if ethertype == 0x0800 else 0x60,)) + body[1:]
            pass_unchanged(a_wire, b_wire, [frame(b.mac, a.mac, body, ethertype)])
    assert daemon.running()


def test_random_addresses(lab):
    """Wholly random bytes, addresses included: whatever becomes of each, it is counted, nothing crashes,
    and hosts still talk."""
    daemon, (a, b) = lab.switched(2)
    rng = random.Random(7)
    with a.wire() as a_wire:
        for _ in range(20_000):
            a_wire.send(rng.randbytes(rng.randrange(15, 1515)))
    daemon.assert_conserved()
    wait_until(lambda: a.reaches(b.ipv4), "hosts talk after random traffic")
    assert daemon.counters()["drop_bad_source"] > 0


def test_a_group_address_is_no_source(lab):
    daemon, (a, b) = lab.switched(2, ipv6=False)
    with a.wire() as a_wire, b.wire() as b_wire:
        introduce(a, b, a_wire, b_wire)
        bad = [frame(BROADCAST, source, b"bad source", size=60)
               for source in ("01:00:5e:00:00:01", BROADCAST, "03:00:00:00:00:01", "00:00:00:00:00:00")]
        for data in bad:
            a_wire.send(data)
        last = frame(BROADCAST, a.mac, b"end", size=60)
        a_wire.send(last)
        assert not set(b_wire.received_before(last)) & set(bad)
    assert daemon.interface("lan1")["counters"]["drop_bad_source"] == len(bad)
    assert not [mac for _, mac in daemon.fdb() if int(mac[:2], 16) & 1]


def test_oversize(lab):
    """Longer than the receiving port's MTU: Linux's cable drops it or the switch does, by name; frames of
    the largest size pass in between."""
    switch = lab.switch()
    a = lab.host(1, switch, mtu=2000, port_mtu=1500, ipv6=False)
    b = lab.host(2, switch, ipv6=False)
    lab.starocean(switch, bridge_config(2))
    with a.wire() as a_wire, b.wire() as b_wire:
        introduce(a, b, a_wire, b_wire)
        for size in (1515, 1518, 1519, 1600, 1792, 1793, 2014):
            long = frame(b.mac, a.mac, os.urandom(size), size=size)
            a_wire.offer(long)
            last = frame(b.mac, a.mac, os.urandom(1514), size=1514)
            a_wire.send(last)
            before = b_wire.received_before(last)
            if size > 1518:
                assert long not in before, f"{size} bytes passed to a port of MTU 1500"
            assert all(seen == long for seen in before)
