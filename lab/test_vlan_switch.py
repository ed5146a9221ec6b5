"""The VLAN-aware switch between real hosts: each frame as it arrives, byte by byte, both ways."""

import itertools
import os
import time

import pytest

from starocean_lab import ovs, wait_until
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, frame

C_TAG, S_TAG = 0x8100, 0x88A8
PROVIDER = {"interfaces": {"lan1": {"vlan": 100, "qinq": True}, "lan2": {"trunk": [100], "tag_type": "802.1ad"},
                           "lan3": {"vlan": 100, "qinq": True}}}
SIZES = (64, 601, 1500)
OFFICE = {
    "lan1": {"vlan": 10},
    "lan2": {"trunk": [10, "20-29"]},
    "lan3": {"vlan": 20},
    "lan4": {"trunk": [10, 20], "native": 20},
}


def tagged(vlan, priority=0):
    return [(C_TAG, priority << 13 | vlan)]


def add_vlan_device(host, link, name, vlan, proto="802.1Q"):
    """A VLAN device of Linux on the host, up; its tags stay in the frames, where native XDP sees them."""
    host.namespace.run("ethtool", "-K", host.device, "txvlan", "off", "tx-vlan-stag-hw-insert", "off")
    made = host.namespace.ip("link", "add", "link", link, "name", name, "type", "vlan", "proto", proto, "id", vlan,
                             check=False)
    if "Unknown device type" in made.stderr:
        pytest.skip("this kernel has no VLAN devices (CONFIG_VLAN_8021Q)")
    host.namespace.link_up(name)


def test_each_kind_of_member(lab):
    """Broadcasts from each member in each of its VLANs: who gets them, with which tag; and nobody else."""
    daemon, hosts = lab.switched(4, ipv6=False, bridge={"interfaces": OFFICE})
    none = []
    # (sender, its tags) → what the others see.
    cases = [
        (1, none, {2: tagged(10), 4: tagged(10)}),
        (1, tagged(0, 5), {2: tagged(10, 5), 4: tagged(10, 5)}),
        (1, tagged(10, 3), {2: tagged(10, 3), 4: tagged(10, 3)}),
        (2, tagged(10, 7), {1: none, 4: tagged(10, 7)}),
        (2, tagged(20), {3: none, 4: none}),
        (3, none, {2: tagged(20), 4: none}),
        (4, none, {2: tagged(20), 3: none}),
        (4, tagged(0, 2), {2: tagged(20, 2), 3: none}),
        (4, tagged(10, 1), {1: none, 2: tagged(10, 1)}),
    ]
    dropped = [(1, tagged(20)), (2, none), (2, tagged(0, 6)), (2, tagged(30)), (3, tagged(10)), (4, tagged(21))]
    wires = {host.number: host.wire() for host in hosts}
    macs = {host.number: host.mac for host in hosts}
    serial = itertools.count()
    seen = {number: [] for number in wires}
    expected = {number: [] for number in wires}
    for sender, tags in dropped:
        wires[sender].send(frame(BROADCAST, macs[sender], b"dropped", tags=tags, size=100))
    for sender, tags, others in cases:
        payload = next(serial).to_bytes(4, "big")
        wires[sender].send(frame(BROADCAST, macs[sender], payload, tags=tags, size=200 + 4 * len(tags)))
        for number, wanted in others.items():
            expected[number].append(frame(BROADCAST, macs[sender], payload, tags=wanted,
                                          size=200 + 4 * len(wanted)))
            # One at a time, so that the order at each receiver is that of the cases.
            seen[number].append(wires[number].receive(lambda _: True))
    for number in wires:
        assert seen[number] == expected[number], f"host {number}"
    counters = daemon.counters()
    assert counters["drop_vlan_not_allowed"] == 4 and counters["drop_untagged"] == 2
    for wire in wires.values():
        wire.close()


@pytest.mark.parametrize("priority", [0, 5])
def test_unicast_through_the_trunk(lab, priority):
    """Known addresses, both ways, at lengths up to the full frame: only where they are, rightly tagged."""
    daemon, (a, b, c, _) = lab.switched(4, ipv6=False, bridge={"interfaces": OFFICE})
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire() as b_wire, c.wire(TEST_ETHERTYPE) as c_wire:
        a_wire.send(frame(BROADCAST, a.mac, b"a is here", size=60))
        b_wire.expect(frame(BROADCAST, a.mac, b"a is here", tags=tagged(10), size=64))
        b_wire.send(frame(BROADCAST, b.mac, b"b is here", tags=tagged(10), size=64))
        a_wire.expect(frame(BROADCAST, b.mac, b"b is here", size=60))
        flooded = daemon.counters()["flooded"]
        for size in (60, 64, 1000, 1513, 1514):
            payload = os.urandom(997)
            a_wire.send(frame(b.mac, a.mac, payload, tags=tagged(10, priority) if priority else (), size=size))
            wanted = size if priority else size + 4
            b_wire.expect(frame(b.mac, a.mac, payload, tags=tagged(10, priority), size=wanted))
            b_wire.send(frame(a.mac, b.mac, payload, tags=tagged(10, priority), size=size + 4))
            a_wire.expect(frame(a.mac, b.mac, payload, size=size))
        assert daemon.counters()["flooded"] == flooded
        # The same address in the other VLAN is not known there.
        c_wire.send(frame(b.mac, c.mac, b"where is b", size=60))
        b_wire.expect(frame(b.mac, c.mac, b"where is b", tags=tagged(20), size=64))
        assert daemon.counters()["flooded"] == flooded + 1
        entries = {(entry["vlan"], entry["mac"]): entry["interface"] for entry in daemon.show("fdb")["entries"]}
        assert entries == {(10, a.mac): "lan1", (10, b.mac): "lan2", (20, c.mac): "lan3"}


def test_hosts_talk_within_their_vlan(lab):
    """ARP, ICMP and TCP between an access and a native member of one VLAN; the other VLAN is out of reach."""
    daemon, (a, b, c, d) = lab.switched(4, ipv6=False, bridge={"interfaces": OFFICE})
    c.ping(d.ipv4, size=1472)
    assert c.iperf3(d, seconds=1) > 0 and c.iperf3(d, seconds=1, reverse=True) > 0
    assert not a.reaches(c.ipv4) and not a.reaches(b.ipv4)
    kinds = {item["interface"]: (item["kind"], item["vlans"], item["untagged"])
             for item in daemon.show("vlans")["vlans"]}
    assert kinds == {"lan1": ("access", "10", 10), "lan2": ("trunk", "10, 20-29", 0),
                     "lan3": ("access", "20", 20), "lan4": ("trunk", "10, 20", 20)}


def test_linux_hosts_with_vlan_devices(lab):
    """A host with VLAN devices on the trunk reaches the access hosts of each VLAN."""
    _, (a, b, c, d) = lab.switched(4, ipv6=False, bridge={"interfaces": OFFICE})
    for vlan in (10, 20):
        add_vlan_device(b, b.device, f"v{vlan}", vlan)
        b.namespace.ip("addr", "add", f"10.0.{vlan}.2/24", "dev", f"v{vlan}")
    a.namespace.ip("addr", "add", "10.0.10.1/24", "dev", a.device)
    c.namespace.ip("addr", "add", "10.0.20.3/24", "dev", c.device)
    d.namespace.ip("addr", "add", "10.0.20.4/24", "dev", d.device)
    a.ping("10.0.10.2", size=1472)
    c.ping("10.0.20.2", size=1472)
    d.ping("10.0.20.2")
    c.ping("10.0.20.4")


def test_qinq(lab):
    """Customers' tags are payload: they cross a provider's trunk under an S-tag and come out as they were."""
    _, (a, b, c) = lab.switched(3, ipv6=False, mtu=1508, bridge=PROVIDER)
    s_tag = [(S_TAG, 100)]
    with a.wire() as a_wire, b.wire() as b_wire, c.wire() as c_wire:
        for tags in ([], tagged(7, 5), tagged(0, 3), tagged(7) + tagged(8), [(S_TAG, 9)]):
            for size in SIZES:
                payload = os.urandom(997)
                data = frame(BROADCAST, a.mac, payload, tags=tags, size=size)
                a_wire.send(data)
                c_wire.expect(data)
                b_wire.expect(frame(BROADCAST, a.mac, payload, tags=s_tag + tags, size=size + 4))
                b_wire.send(frame(a.mac, b.mac, payload, tags=s_tag + tags, size=size + 4))
                a_wire.expect(frame(a.mac, b.mac, payload, tags=tags, size=size))


def test_qinq_with_linux_devices(lab):
    """Linux's own 802.1ad devices agree: a customer's VLAN device and one within the provider's S-VLAN."""
    _, (a, b, _) = lab.switched(3, ipv6=False, mtu=1508, bridge=PROVIDER)
    add_vlan_device(b, b.device, "s100", 100, "802.1ad")
    for host, over in ((a, a.device), (b, "s100")):
        add_vlan_device(host, over, "c7", 7)
        host.namespace.ip("addr", "add", f"10.0.7.{host.number}/24", "dev", "c7")
    a.ping("10.0.7.2", size=1400)


def test_trunk_to_open_vswitch(lab):
    """Open vSwitch's user-space datapath at the other end of a trunk and of a provider's trunk: tagged,
    native and QinQ frames arrive as they were sent, both ways, in their VLAN only."""
    if reason := ovs.missing():
        pytest.skip(reason)
    here, there = lab.switch(), lab.switch("ovs")
    ours = [lab.host(number, here, ipv6=False, offloads=False) for number in range(1, 5)]
    theirs = [lab.host(10 + number, there, port=f"o{number}", ipv6=False, offloads=False) for number in range(1, 5)]
    for trunk in ("core", "qinq"):
        lab.cable(here, trunk, there, trunk, mtu=1504)
        there.run("ethtool", "-K", trunk, "txvlan", "off", "tx-vlan-stag-hw-insert", "off", "tx", "off")
    other = ovs.Ovs(there, lab.directory)
    for number, vlan in ((1, 10), (2, 20), (3, 30)):
        other.add_port(f"o{number}", f"tag={vlan}")
    other.add_port("o4", "vlan_mode=dot1q-tunnel", "tag=100")
    other.add_port("core", "vlan_mode=native-untagged", "tag=30", "trunks=10,20")
    other.add_port("qinq", "vlan_mode=trunk", "trunks=100")
    members = {"lan1": {"vlan": 10}, "lan2": {"vlan": 20}, "lan3": {"vlan": 30}, "lan4": {"vlan": 100, "qinq": True},
               "core": {"trunk": [10, 20, 30], "native": 30}, "qinq": {"trunk": [100], "tag_type": "802.1ad"}}
    daemon = lab.starocean(here, {
        "version": 1, "memory": {"frames": 65536}, "interfaces": {name: {} for name in members},
        "bridges": {"office": {"interfaces": members}}})
    for near, far in zip(ours, theirs):
        wait_until(lambda n=near, f=far: n.reaches(f.ipv4), f"{near} reaches {far} through Open vSwitch", 20)
        near.ping(far.ipv4, size=1400)
        far.ping(near.ipv4, size=1400)
    wires = {host.number: host.wire() for host in ours + theirs}
    for near, far in zip(ours, theirs):
        customer = [[], tagged(7, 5)] if near.number == 4 else [[]]
        for tags, (sender, receiver) in itertools.product(customer, ((near, far), (far, near))):
            payload = os.urandom(500)
            data = frame(BROADCAST, sender.mac, payload, tags=tags, size=400)
            wires[sender.number].send(data)
            wires[receiver.number].expect(data)
    # Nothing of another VLAN came: everything that did is from the partner, or Linux's own ARP to it.
    for near, far in zip(ours, theirs):
        for here_host, partner in ((near, far), (far, near)):
            sources = {seen[6:12].hex(":") for seen in wires[here_host.number].frames(timeout_s=0.2)}
            assert sources <= {partner.mac}, f"{here_host} saw {sources}"
            wires[here_host.number].close()
    assert daemon.counters()["drop_vlan_not_allowed"] == 0
    other.stop()


def test_a_sticky_address_stays(lab):
    daemon, (a, b, c) = lab.switched(3, ipv6=False, bridge={"interfaces": {"lan1": {"sticky": True}, "lan2": {}, "lan3": {}}})
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire, c.wire(TEST_ETHERTYPE) as c_wire:
        hello = frame(BROADCAST, a.mac, b"the owner", size=60)
        a_wire.send(hello)
        b_wire.expect(hello)
        c_wire.expect(hello)
        b_wire.send(frame(BROADCAST, a.mac, b"an impostor", size=60))
        last = frame(BROADCAST, b.mac, b"end", size=60)
        b_wire.send(last)
        assert c_wire.received_before(last) == []
        data = frame(a.mac, c.mac, b"to the owner", size=60)
        c_wire.send(data)
        a_wire.expect(data)
    assert daemon.interface("lan2")["counters"]["drop_sticky"] == 1
    entry = daemon.fdb()[("lan", a.mac)]
    assert entry["interface"] == "lan1" and entry["sticky"]


def test_storm_control_cuts_floods_and_nothing_else(lab):
    """Broadcasts beyond the limit are dropped by name; what passes is within the limit's bound; unicast to
    known addresses is not touched."""
    rate, count = 20, 400
    members = {"lan1": {"storm_control": {"broadcast": rate, "unknown_unicast": 0}}, "lan2": {}}
    daemon, (a, b) = lab.switched(2, ipv6=False, bridge={"interfaces": members})
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        hello = frame(BROADCAST, b.mac, b"b is here", size=60)
        b_wire.send(hello)
        a_wire.expect(hello)
        begin = time.monotonic()
        for number in range(count):
            a_wire.send(frame(BROADCAST, a.mac, number.to_bytes(4, "big"), size=60))
            if number % 50 == 0:
                a_wire.send(frame("02:00:00:00:00:77", a.mac, b"unknown", size=60))
        known = frame(b.mac, a.mac, b"known", size=60)
        a_wire.send(known)
        passed = len(b_wire.received_before(known))
        elapsed_s = time.monotonic() - begin
        counters = daemon.interface("lan1")["counters"]
        assert passed + counters["drop_storm_broadcast"] == count
        assert counters["drop_storm_unicast"] == count // 50
        assert 10 <= passed <= 10 + rate * elapsed_s + 1


@pytest.mark.parametrize("direction", ["both", "in", "out"])
def test_a_mirror_sees_what_the_wire_sees(lab, direction):
    members = {"lan1": {"vlan": 10, "mirror_to": "lan3", "mirror": direction}, "lan2": {"trunk": [10, 20]}}
    daemon, (a, b, monitor) = lab.switched(3, ipv6=False, bridge={"interfaces": members})
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire() as b_wire, monitor.wire() as m_wire:
        seen_in, seen_out = [], []
        for number in range(20):
            payload = number.to_bytes(4, "big")
            data = frame(BROADCAST, a.mac, payload, size=100)
            a_wire.send(data)
            b_wire.expect(frame(BROADCAST, a.mac, payload, tags=tagged(10), size=104))
            seen_in.append(data)
            b_wire.send(frame(a.mac, b.mac, payload, tags=tagged(10), size=104))
            back = frame(a.mac, b.mac, payload, size=100)
            a_wire.expect(back)
            seen_out.append(back)
        # In the other VLAN, hence not lan1's; and a frame that is dropped, but was received.
        b_wire.send(frame(BROADCAST, b.mac, b"other VLAN", tags=tagged(20), size=104))
        last = frame(BROADCAST, a.mac, b"not allowed", tags=tagged(20), size=104)
        a_wire.send(last)
        both = [data for pair in zip(seen_in, seen_out) for data in pair]
        expected = {"both": both + [last], "in": seen_in + [last], "out": seen_out}[direction]
        seen = [m_wire.receive(lambda data: data[12:14] != b"\x08\x06") for _ in expected]
        assert seen == expected
        wait_until(lambda: daemon.interface("lan1")["counters"]["drop_vlan_not_allowed"] == 1, "it was dropped")
        assert daemon.interface("lan3")["counters"]["tx_packets"] == len(expected)
        assert daemon.interface("lan3")["counters"]["copies"] == len(expected)
