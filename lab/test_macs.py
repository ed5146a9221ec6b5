"""The MAC table: many entries, moves, aging, limits, static entries."""

import struct

from starocean_lab import LabError, wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, frame, mac_bytes

COUNT = 10_000
WINDOW = 128


def numbered_mac(number):
    return "02:aa:" + ":".join(f"{byte:02x}" for byte in struct.pack("!I", number))


def send_windows(sender, receiver, frames):
    """Sends all frames, never more than WINDOW ahead of the receiver, which must see each, in order."""
    frames = list(frames)
    for first in range(0, len(frames), WINDOW):
        batch = frames[first:first + WINDOW]
        for data in batch:
            sender.send(data)
        for data in batch:
            seen = next(receiver.frames(), None)
            if seen != data:
                raise LabError(f"expected {data[:20].hex()}, saw {seen and seen[:20].hex()}")


def test_ten_thousand_addresses(lab):
    """10,000 addresses behind one port: learned, listed, and each reached without flooding."""
    daemon, (a, b, c) = lab.switched(3, ipv6=False)
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire, \
            c.wire(TEST_ETHERTYPE) as c_wire:
        hello = frame(BROADCAST, b.mac, b"learn me", size=60)
        b_wire.send(hello)
        a_wire.expect(hello)
        c_wire.expect(hello)
        macs = [numbered_mac(number) for number in range(COUNT)]
        send_windows(a_wire, b_wire, (frame(b.mac, mac, b"from " + mac_bytes(mac), size=60) for mac in macs))
        table = daemon.fdb()
        assert {mac for mac in macs if ("lan", mac) not in table} == set()
        assert all(table[("lan", mac)]["interface"] == "lan1" for mac in macs)
        assert daemon.show("fdb")["count"] == len(table)
        on_lan1 = sum(entry["interface"] == "lan1" for entry in table.values())
        assert daemon.interface("lan1")["mac_entries"] == on_lan1 >= COUNT
        flooded = daemon.counters()["flooded"]
        send_windows(b_wire, a_wire, (frame(mac, b.mac, b"to " + mac_bytes(mac), size=60) for mac in macs))
        assert daemon.counters()["flooded"] == flooded
        last = frame(c.mac, b.mac, b"unknown, therefore flooded", size=60)
        b_wire.send(last)
        assert c_wire.received_before(last) == []


def test_an_address_moves(lab):
    """A host that moves to another port is reached there as soon as it has sent something."""
    daemon, (a, b, c) = lab.switched(3, ipv6=False)
    roamer = numbered_mac(7)
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire, \
            c.wire(TEST_ETHERTYPE) as c_wire:
        for here, there, port in ((a_wire, b_wire, "lan1"), (b_wire, a_wire, "lan2"),
                                  (a_wire, b_wire, "lan1")):
            hello = frame(BROADCAST, roamer, port.encode(), size=60)
            here.send(hello)
            there.expect(hello)
            c_wire.expect(hello)
            assert daemon.fdb()[("lan", roamer)]["interface"] == port
            data = frame(roamer, c.mac, b"where are you", size=80)
            c_wire.send(data)
            here.expect(data)
            last = frame(BROADCAST, c.mac, b"end of " + port.encode(), size=60)
            c_wire.send(last)
            assert data not in there.received_before(last)
            here.expect(last)
    assert daemon.counters()["mac_moved"] == 2


def test_silent_addresses_age(lab):
    daemon, (a, b) = lab.switched(2, ipv6=False, bridge={"mac_aging": "2s"})
    silent, chatty = numbered_mac(1), numbered_mac(2)
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        for mac in (silent, chatty):
            data = frame(BROADCAST, mac, size=60)
            a_wire.send(data)
            b_wire.expect(data)
        assert {("lan", silent), ("lan", chatty)} <= set(daemon.fdb())

        def silent_is_gone():
            a_wire.send(frame(BROADCAST, chatty, size=60))
            return ("lan", silent) not in daemon.fdb()
        wait_until(silent_is_gone, "an address silent for mac_aging is forgotten", 20, every_s=0.2)
        assert ("lan", chatty) in daemon.fdb(), "an address that goes on sending stays"
        flooded = daemon.counters()["flooded"]
        data = frame(silent, b.mac, b"flooded again", size=60)
        b_wire.send(data)
        a_wire.expect(data)
        assert daemon.counters()["flooded"] > flooded


def test_a_full_table_floods(lab):
    """More addresses than mac_limit: the rest is not learned, but reached."""
    daemon, (a, b) = lab.switched(2, ipv6=False, bridge={"mac_limit": 64})
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        macs = [numbered_mac(number) for number in range(200)]
        send_windows(a_wire, b_wire, (frame(BROADCAST, mac, size=60) for mac in macs))
        assert daemon.show("fdb")["count"] == 64
        assert daemon.counters()["mac_table_full"] >= 200 - 64
        send_windows(b_wire, a_wire, (frame(mac, b.mac, mac_bytes(mac), size=60) for mac in macs))


def test_a_members_limit_keeps_a_flood_of_addresses_to_itself(lab):
    """A flood of source addresses behind one member fills its own share, no more: all its frames are forwarded,
    its first addresses stay known, and the other members' stations are learned as before."""
    limit, count = 50, 2_000
    daemon, (a, b, c) = lab.switched(3, ipv6=False, bridge={
        "mac_limit": 128, "interfaces": {"lan1": {"mac_limit": limit}, "lan2": {}, "lan3": {}}})
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire, c.wire(TEST_ETHERTYPE) as c_wire:
        macs = [numbered_mac(number) for number in range(count)]
        send_windows(a_wire, b_wire, (frame(BROADCAST, mac, size=60) for mac in macs))
        c_wire.drain()
        learned = {mac for (_, mac), entry in daemon.fdb().items() if entry["interface"] == "lan1"}
        assert learned == set(macs[:limit])
        counters = daemon.interface("lan1")["counters"]
        assert counters["mac_learned"] == limit and counters["mac_limit_reached"] == count - limit
        assert counters["mac_table_full"] == 0
        others = [numbered_mac(count + number) for number in range(60)]
        send_windows(b_wire, a_wire, (frame(BROADCAST, mac, size=60) for mac in others))
        c_wire.drain()
        assert {mac for (_, mac), entry in daemon.fdb().items() if entry["interface"] == "lan2"} == set(others)
        # Known and unknown ones are reached; the known are not flooded.
        for mac, is_known in ((macs[0], True), (macs[-1], False)):
            data = frame(mac, b.mac, mac_bytes(mac), size=60)
            last = frame(BROADCAST, b.mac, b"end of " + mac_bytes(mac), size=60)
            b_wire.send(data)
            b_wire.send(last)
            assert (data in c_wire.received_before(last)) != is_known
            assert data in a_wire.received_before(last)


def test_a_static_entry_neither_moves_nor_ages(lab):
    fixed = numbered_mac(99)
    switch = lab.switch()
    a, b, c = (lab.host(number, switch, ipv6=False) for number in (1, 2, 3))
    config = bridge_config(3, bridge={"static": {fixed: "lan1"}, "mac_aging": "2s"})
    daemon = lab.starocean(switch, config)
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire, \
            c.wire(TEST_ETHERTYPE) as c_wire:
        entry = daemon.fdb()[("lan", fixed)]
        assert entry["static"] and entry["interface"] == "lan1"
        impostor = frame(BROADCAST, fixed, b"not from here", size=60)
        b_wire.send(impostor)
        other = numbered_mac(1)
        a_wire.send(frame(BROADCAST, other, size=60))
        wait_until(lambda: ("lan", other) in daemon.fdb(), "the other address is learned")
        wait_until(lambda: ("lan", other) not in daemon.fdb(), "the other address has aged", 20, 0.2)
        assert daemon.fdb()[("lan", fixed)]["interface"] == "lan1"
        c_wire.drain()
        data = frame(fixed, b.mac, b"to the fixed one", size=60)
        b_wire.send(data)
        a_wire.expect(data)
        last = frame(BROADCAST, b.mac, b"end", size=60)
        b_wire.send(last)
        assert data not in c_wire.received_before(last)


def test_traffic_behind_one_port_stays_there(lab):
    daemon, (a, b) = lab.switched(2, ipv6=False)
    first, second = numbered_mac(1), numbered_mac(2)
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        for mac in (first, second):
            data = frame(BROADCAST, mac, size=60)
            a_wire.send(data)
            b_wire.expect(data)
        local = frame(second, first, b"both behind lan1", size=60)
        a_wire.send(local)
        last = frame(BROADCAST, first, b"end", size=60)
        a_wire.send(last)
        assert local not in b_wire.received_before(last)
        a_wire.send(last)
        b_wire.expect(last)
        a_wire.drain()
        b_wire.send(frame(first, b.mac, b"end", size=60))
        assert local not in a_wire.received_before(frame(first, b.mac, b"end", size=60))
    assert daemon.counters()["drop_same_port"] == 1
