"""Frames longer than one UMEM frame: received, forwarded and flooded as several fragments kept together."""

import os
import socket

import pytest

from starocean_lab import Wire, traffic, wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.wire import BROADCAST, frame

LLDP = 0x88CC

# Around the ends of fragments of 2048 and 4096 bytes with the kernel's 256 in front, and of the MTU.
SIZES = sorted({*range(1500, 9014, 331),
                *(edge + off for edge in (1514, 1792, 2048, 3584, 3840, 4096, 5376, 5632, 7168, 7424, 7680)
                  for off in (-1, 0, 1)), 9012, 9013, 9014})
FRAME_SIZES = pytest.mark.parametrize("frame_size", [2048, 4096])


@FRAME_SIZES
def test_every_length_up_to_9014(lab, frame_size):
    daemon, (a, b) = lab.switched(2, mtu=9000, ipv6=False, memory={"frame_size": frame_size})
    assert all(i["multi_buffer"] for i in daemon.show("interfaces")["interfaces"])
    with a.wire() as a_wire, b.wire() as b_wire:
        for size in SIZES:
            data = frame(BROADCAST, a.mac, os.urandom(size), size=size)  # flooded: a copy of fragments
            a_wire.send(data)
            b_wire.expect(data)
            data = frame(a.mac, b.mac, os.urandom(size), size=size)      # known: moved, not copied
            b_wire.send(data)
            a_wire.expect(data)


def test_flooded_to_several_ports(lab):
    _, hosts = lab.switched(4, mtu=9000, ipv6=False)
    wires = [host.wire() for host in hosts]
    for size in (1514, 1793, 4000, 9014):
        data = frame(BROADCAST, hosts[0].mac, os.urandom(size), size=size)
        wires[0].send(data)
        for wire in wires[1:]:
            wire.expect(data)
    for wire in wires:
        wire.close()


def test_given_back_to_linux_whole(lab):
    """A burst of long frames to a reserved address: a socket on the device gets each in one piece."""
    daemon, (a, _) = lab.switched(2, mtu=9000, ipv6=False)
    with a.wire() as a_wire, Wire(daemon.namespace, "lan1", LLDP) as linux:
        sent = [frame("01:80:c2:00:00:0e", a.mac, os.urandom(4000 + 50 * number), LLDP) for number in range(100)]
        for data in sent:
            a_wire.send(data)
        for data in sent:
            linux.expect(data)
    assert daemon.interface("lan1")["counters"]["punted"] == len(sent)


@FRAME_SIZES
def test_ping_and_tcp_with_mtu_9000(lab, frame_size):
    _, (a, b) = lab.switched(2, mtu=9000, memory={"frame_size": frame_size})
    a.ping(b.ipv4, count=20, size=8972, options=("-M", "do"))
    b.ping(a.ipv6, count=20, size=8952, options=("-M", "do"))
    for family in (socket.AF_INET, socket.AF_INET6):
        result = traffic.tcp_transfer(a, b, 100_000_000, family)
        assert result.received_sha256 == result.sent_sha256


@pytest.mark.parametrize("mtu", [3498, 3499, 3600, 3818, 3819])
def test_frames_of_4096_at_the_end_of_a_page(lab, mtu):
    """What fits a frame need not fit a page with what the kernel puts around it."""
    daemon, (a, b) = lab.switched(2, mtu=mtu, memory={"frame_size": 4096})
    assert daemon.interface("lan1")["multi_buffer"] == (mtu > 3498)
    a.ping(b.ipv4, size=mtu - 28, options=("-M", "do"))
    b.ping(a.ipv4, size=mtu - 28, options=("-M", "do"))


def test_the_other_end_of_a_cable_has_a_larger_mtu(lab):
    switch = lab.switch()
    a, b = (lab.host(number, switch, mtu=9000, port_mtu=1500, ipv6=False) for number in (1, 2))
    lab.starocean(switch, bridge_config(2))
    a.ping(b.ipv4, size=1472, options=("-M", "do"))


def test_the_largest_mtu(lab):
    """18 frames a packet and no more, because Linux transmits no more: told at the start and at run time."""
    switch = lab.switch()
    a, b = (lab.host(number, switch, mtu=32234, ipv6=False) for number in (1, 2))
    daemon = lab.starocean(switch, bridge_config(2))
    a.ping(b.ipv4, size=32234 - 28, options=("-M", "do"))
    switch.ip("link", "set", "lan2", "mtu", 32235)
    wait_until(lambda: "ip link set dev lan2 mtu 32234" in daemon.interface("lan2")["problem"],
               "the MTU is refused", 15, 0.1)
    switch.ip("link", "set", "lan2", "mtu", 1500)
    wait_until(lambda: a.reaches(b.ipv4), "the interface is attached again", 15)
    assert daemon.stop() == 0
    switch.ip("link", "set", "lan2", "mtu", 32235)
    refused = lab.starocean(switch, bridge_config(2), name="refused", start=False).launch()
    assert refused.wait() == 1
    assert "MTU 32235" in refused.log() and "ip link set dev lan2 mtu 32234" in refused.log()
    assert not switch.has_xdp("lan1") and not switch.has_xdp("lan2")


def test_longer_than_the_egress_takes_is_dropped_by_name(lab):
    """A port of MTU 9000 and one of 1500: what does not fit is counted, the rest passes."""
    switch = lab.switch()
    a = lab.host(1, switch, mtu=9000, ipv6=False)
    b = lab.host(2, switch, mtu=1500, ipv6=False)
    daemon = lab.starocean(switch, bridge_config(2))
    with a.wire() as a_wire, b.wire() as b_wire:
        hello = frame(BROADCAST, b.mac, b"learn me", size=60)
        b_wire.send(hello)
        a_wire.expect(hello)
        long = [frame(b.mac, a.mac, os.urandom(size), size=size) for size in (1600, 2000, 5000, 9014)]
        for data in long:
            a_wire.send(data)
        last = frame(b.mac, a.mac, b"fits", size=1514)
        a_wire.send(last)
        assert not set(b_wire.received_before(last)) & set(long)
    counters = daemon.interface("lan2")["counters"]
    assert counters["drop_egress_mtu"] == len(long)
