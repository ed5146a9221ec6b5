"""Addresses that IEEE 802.1D reserves stay on their link: never forwarded, given to Linux instead."""

import os

import pytest

from starocean_lab import Wire
from starocean_lab.wire import BROADCAST, frame

LLDP, SLOW = 0x88CC, 0x8809
RESERVED = [f"01:80:c2:00:00:{last:02x}" for last in range(16)]


def test_reserved_addresses_are_given_to_linux(lab):
    """A socket bound to the original device receives each, byte by byte; no other host sees any."""
    daemon, (a, b, c) = lab.switched(3, ipv6=False)
    with a.wire() as a_wire, b.wire() as b_wire, c.wire() as c_wire, \
            Wire(daemon.namespace, "lan1") as linux, Wire(daemon.namespace, "lan2") as other_port:
        sent = []
        for number, mac in enumerate(RESERVED):
            for ethertype in (LLDP, SLOW):
                data = frame(mac, a.mac, os.urandom(200), ethertype, size=60 + 7 * number)
                a_wire.send(data)
                linux.expect(data)
                sent.append(data)
        last = frame(BROADCAST, a.mac, b"end", size=60)
        a_wire.send(last)
        for wire in (b_wire, c_wire):
            assert not set(wire.received_before(last)) & set(sent)
        b_wire.send(frame(RESERVED[14], b.mac, b"lldp of b", LLDP, size=60))
        seen = other_port.receive(lambda data: data[12:14] == b"\x88\xcc")
        assert seen == frame(RESERVED[14], b.mac, b"lldp of b", LLDP, size=60)
    counters = daemon.interface("lan1")["counters"]
    assert counters["punted"] == len(sent) and counters["drop_reserved"] == 0
    assert daemon.interface("lan2")["counters"]["punted"] == 1


def test_an_lldp_socket_hears_its_neighbour(lab):
    """As lldpd would listen: a packet socket for one EtherType on the original device."""
    daemon, (a, _) = lab.switched(2, ipv6=False)
    with a.wire() as a_wire, Wire(daemon.namespace, "lan1", LLDP) as lldpd:
        for number in range(100):
            data = frame(RESERVED[14], a.mac, number.to_bytes(4, "big") * 20, LLDP)
            a_wire.send(data)
            lldpd.expect(data)


@pytest.mark.parametrize("group", ["01:80:c2:00:00:10", "01:80:c2:00:00:20", "01:80:c2:00:00:21",
                                   "01:80:c2:00:01:00", "01:00:5e:00:00:fb", "33:33:00:00:00:01"])
def test_other_group_addresses_are_flooded(lab, group):
    _, (a, b, c) = lab.switched(3, ipv6=False)
    with a.wire() as a_wire, b.wire() as b_wire, c.wire() as c_wire:
        data = frame(group, a.mac, os.urandom(100), size=100)
        a_wire.send(data)
        b_wire.expect(data)
        c_wire.expect(data)
