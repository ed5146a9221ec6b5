"""A VLAN of a bridge as a device of Linux: what Linux says there reaches the VLAN, and the other way round."""

from starocean_lab import wait_until
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, Wire, frame

MEMBERS = {"lan1": {"vlan": 10}, "lan2": {"trunk": [10, 20]}, "lan3": {"vlan": 20}}


def start(lab, **bridge):
    daemon, hosts = lab.switched(3, ipv6=False, bridge={
        "interfaces": MEMBERS, "vlan_interfaces": {"office10": {"vlan": 10}}, **bridge})
    space = daemon.namespace
    wait_until(lambda: "office10" in space.links(), "Linux has the device office10")
    space.ip("addr", "add", "10.0.0.254/24", "dev", "office10")
    space.link_up("office10")
    return daemon, hosts, space.links()["office10"]["address"]


def test_linux_is_a_host_of_its_vlan(lab):
    """ARP, ping and TCP with a host in VLAN 10; a host of VLAN 20 does not reach it."""
    daemon, (a, _, c), _ = start(lab)
    a.ping("10.0.0.254", size=1472)
    daemon.namespace.run("ping", "-n", "-c", "1", "-W", "10", a.ipv4)
    assert not c.reaches("10.0.0.254")
    shown = {item["interface"]: item["kind"] for item in daemon.show("vlans")["vlans"]}
    assert shown["office10"] == "linux"


def test_frames_arrive_untagged_and_leave_with_their_tag(lab):
    """A host on the trunk speaks to Linux with VLAN 10's tag; Linux sees its frames without."""
    daemon, (a, b, _), mac = start(lab)
    tag = [(0x8100, 0x600A)]
    with a.wire() as a_wire, b.wire() as b_wire:
        with Wire(daemon.namespace, "office10", TEST_ETHERTYPE) as tap:
            for size in (64, 1000, 1518):
                b_wire.send(frame(mac, b.mac, b"to Linux", tags=tag, size=size))
                tap.expect(frame(mac, b.mac, b"to Linux", size=size - 4))
            everybody = frame(BROADCAST, b.mac, b"to all", tags=tag, size=100)
            b_wire.send(everybody)
            for wire in (tap, a_wire):
                wire.expect(frame(BROADCAST, b.mac, b"to all", size=96))
            flooded = daemon.counters()["flooded"]
            tap.send(frame(b.mac, mac, b"to the trunk", size=300))
            b_wire.expect(frame(b.mac, mac, b"to the trunk", tags=[(0x8100, 10)], size=304))
            assert daemon.counters()["flooded"] == flooded, "its address was known"
            tap.send(frame(BROADCAST, mac, b"from Linux to all", size=300))
            a_wire.expect(frame(BROADCAST, mac, b"from Linux to all", size=300))
            b_wire.expect(frame(BROADCAST, mac, b"from Linux to all", tags=[(0x8100, 10)], size=304))
