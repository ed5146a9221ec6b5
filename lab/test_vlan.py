"""Tags pass a VLAN-unaware switch unchanged, byte by byte."""

import os

import pytest

from starocean_lab.wire import BROADCAST, frame

C_TAG, S_TAG = 0x8100, 0x88A8


def exchange(sender, receiver, data):
    sender.send(data)
    receiver.expect(data)


def both_learned(a, b, a_wire, b_wire):
    """Both addresses are in the MAC table, so that what follows is forwarded, not flooded."""
    exchange(a_wire, b_wire, frame(BROADCAST, a.mac, b"a is here", size=60))
    exchange(b_wire, a_wire, frame(BROADCAST, b.mac, b"b is here", size=60))


@pytest.mark.parametrize("tci", [0x0000, 0x0001, 0x000A, 0x0FFF, 0xE00A, 0x1002, 0xFFFE])
def test_8021q_tags_pass_unchanged(lab, tci):
    """Every part of the tag is kept: VLAN id, priority and drop eligibility; id 0 too."""
    _, (a, b) = lab.switched(2, ipv6=False)
    with a.wire() as a_wire, b.wire() as b_wire:
        both_learned(a, b, a_wire, b_wire)
        for size in (60, 64, 65, 127, 1000, 1513, 1514, 1515, 1518):
            data = frame(b.mac, a.mac, os.urandom(997), tags=[(C_TAG, tci)], size=size)
            exchange(a_wire, b_wire, data)
            exchange(b_wire, a_wire, frame(a.mac, b.mac, os.urandom(997), tags=[(C_TAG, tci)], size=size))
        exchange(a_wire, b_wire, frame(BROADCAST, a.mac, b"flooded", tags=[(C_TAG, tci)], size=200))


@pytest.mark.parametrize("outer", [S_TAG, C_TAG], ids=["802.1ad", "stacked-802.1Q"])
def test_qinq_tags_pass_unchanged(lab, outer):
    """Two tags on frames of all lengths up to the full 1522 bytes, where the switch's ports have an MTU
    of 1504. The hosts' is larger, since Linux lets only 802.1Q exceed it."""
    daemon, (a, b) = lab.switched(2, ipv6=False, mtu=1508, port_mtu=1504)
    tags = [(outer, 0x6064), (C_TAG, 0x200A)]
    with a.wire() as a_wire, b.wire() as b_wire:
        both_learned(a, b, a_wire, b_wire)
        for size in (60, 68, 69, 601, 1518, 1519, 1521, 1522):
            exchange(a_wire, b_wire, frame(b.mac, a.mac, os.urandom(991), tags=tags, size=size))
            exchange(b_wire, a_wire, frame(a.mac, b.mac, os.urandom(991), tags=tags, size=size))
        exchange(a_wire, b_wire, frame(BROADCAST, a.mac, b"flooded", tags=tags, size=1522))
    assert daemon.counters()["drop_egress_mtu"] == 0


def test_ip_inside_tags_passes_unchanged(lab):
    """Tagged IPv4 and IPv6 as scapy builds them: nothing inside is touched, checksums included."""
    scapy = pytest.importorskip("scapy.all", reason="python3-scapy is not installed")
    _, (a, b) = lab.switched(2, ipv6=False, mtu=1508, port_mtu=1504)
    ether = scapy.Ether(src=a.mac, dst=b.mac)
    inner = [
        scapy.IP(src="192.0.2.1", dst="192.0.2.2") / scapy.UDP(sport=1, dport=2) / os.urandom(301),
        scapy.IP(src="192.0.2.1", dst="192.0.2.2", ttl=1) / scapy.TCP(sport=1, dport=2) / os.urandom(7),
        scapy.IPv6(src="2001:db8::1", dst="2001:db8::2") / scapy.UDP(sport=1, dport=2) / os.urandom(1211),
        scapy.IPv6(src="2001:db8::1", dst="2001:db8::2") / scapy.ICMPv6EchoRequest(data=os.urandom(33)),
    ]
    one_tag = scapy.Dot1Q(vlan=10, prio=5)
    two_tags = scapy.Dot1AD(vlan=100) / scapy.Dot1Q(vlan=10)
    with a.wire() as a_wire, b.wire() as b_wire:
        both_learned(a, b, a_wire, b_wire)
        for tags in (one_tag, two_tags):
            for packet in inner:
                exchange(a_wire, b_wire, bytes(ether / tags / packet))
