"""Cables pulled, devices deleted and made again, bridges kept apart, loops."""

import pytest

from starocean_lab import wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.namespace import cable
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, frame


def wait_state(daemon, port, state):
    wait_until(lambda: daemon.interface(port)["state"] == state, f"{port} is shown as {state}", 15, 0.1)


@pytest.mark.parametrize("end", ["host", "switch"])
def test_a_link_flaps(lab, end):
    """Down and up again five times, at either end; hosts behind other ports never notice."""
    daemon, (a, b, c) = lab.switched(3)
    space, device = (b.namespace, b.device) if end == "host" else (daemon.namespace, "lan2")
    a.ping(b.ipv4)
    for _ in range(5):
        space.link_down(device)
        wait_state(daemon, "lan2", "down")
        a.ping(c.ipv4)
        assert not a.reaches(b.ipv4, patience_s=0.2)
        space.link_up(device)
        wait_state(daemon, "lan2", "up")
        wait_until(lambda: a.reaches(b.ipv4), "host 2 is reached again", 15)


def test_what_is_for_a_port_that_is_down_is_counted(lab):
    daemon, (a, b) = lab.switched(2, ipv6=False)
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        hello = frame(BROADCAST, b.mac, b"learn me", size=60)
        b_wire.send(hello)
        a_wire.expect(hello)
        b.namespace.link_down(b.device)
        wait_state(daemon, "lan2", "down")

        # The address may have been forgotten with the link: then it is flooded to nobody.
        def dropped():
            counters = daemon.counters()
            return counters["drop_egress_down"] + counters["drop_no_member"] >= 50
        for _ in range(50):
            a_wire.send(frame(b.mac, a.mac, b"nobody home", size=60))
        wait_until(dropped, "50 frames are counted as dropped for want of an egress")


def test_an_interface_is_deleted_and_made_again(lab):
    daemon, (a, b, c) = lab.switched(3)
    for _ in range(3):
        a.ping(b.ipv4)
        daemon.namespace.ip("link", "del", "lan2")
        wait_state(daemon, "lan2", "absent")
        assert daemon.interface("lan2")["ifindex"] == 0
        a.ping(c.ipv4)
        c.ping(a.ipv6)
        cable(daemon.namespace, "lan2", b.namespace, b.device, b_mac=b.mac)
        b.configure()
        wait_state(daemon, "lan2", "up")
        wait_until(lambda: a.reaches(b.ipv4), "host 2 is reached through the new device", 15)
    assert daemon.running()


def test_all_devices_vanish_and_return(lab):
    daemon, hosts = lab.switched(2)
    for number in (1, 2):
        daemon.namespace.ip("link", "del", f"lan{number}")
        wait_state(daemon, f"lan{number}", "absent")
    for number, host in enumerate(hosts, 1):
        cable(daemon.namespace, f"lan{number}", host.namespace, host.device, b_mac=host.mac)
        host.configure()
        wait_state(daemon, f"lan{number}", "up")
    wait_until(lambda: hosts[0].reaches(hosts[1].ipv4), "both ports forward again", 15)


def test_a_device_returns_with_a_program_of_somebody_else(lab, foreign_object):
    """It is told and left alone; the daemon, which tries again every two seconds, answers as before, and
    has the device once it is free."""
    daemon, (a, b, c) = lab.switched(3, ipv6=False)
    switch = daemon.namespace
    switch.ip("link", "del", "lan2")
    wait_state(daemon, "lan2", "absent")
    cable(switch, "new2", b.namespace, b.device, b_mac=b.mac)
    b.configure()
    switch.ip("link", "set", "dev", "new2", "xdp", "object", foreign_object, "section", "xdp")
    switch.link_down("new2")
    switch.ip("link", "set", "dev", "new2", "name", "lan2")
    switch.link_up("lan2")
    wait_until(lambda: "is attached" in daemon.interface("lan2")["problem"], "the program is told", 15, 0.1)
    answers = []

    def answers_often():
        answers.append(daemon.interface("lan2")["problem"])
        return len(answers) == 10
    wait_until(answers_often, "the daemon answers ten questions", 12, 0.2)
    assert all("is attached" in problem for problem in answers)
    a.ping(c.ipv4)
    switch.ip("link", "set", "dev", "lan2", "xdp", "off")
    wait_state(daemon, "lan2", "up")
    wait_until(lambda: a.reaches(b.ipv4), "host 2 is reached through the new device", 15)


def test_two_bridges_are_isolated(lab):
    """Nothing passes between two bridges of one daemon, the same address may be in both."""
    switch = lab.switch()
    a, b, c, d = (lab.host(number, switch, ipv6=False) for number in (1, 2, 3, 4))
    config = bridge_config(4)
    config["bridges"] = {"red": {"interfaces": ["lan1", "lan2"]}, "blue": {"interfaces": ["lan3", "lan4"]}}
    daemon = lab.starocean(switch, config)
    twin = "02:bb:00:00:00:01"
    wires = [host.wire(TEST_ETHERTYPE) for host in (a, b, c, d)]
    for here, there, others in ((0, 1, (2, 3)), (2, 3, (0, 1))):
        hello = frame(BROADCAST, twin, f"from wire {here}".encode(), size=60)
        wires[here].send(hello)
        wires[there].expect(hello)
        answer = frame(twin, (a, b, c, d)[there].mac, f"to wire {here}".encode(), size=60)
        wires[there].send(answer)
        wires[here].expect(answer)
        unknown = frame("02:bb:00:00:00:99", twin, f"unknown {here}".encode(), size=60)
        wires[here].send(unknown)
        wires[there].expect(unknown)
        for number in others:
            other = others[1] if number == others[0] else others[0]
            last = frame(BROADCAST, (a, b, c, d)[other].mac, f"end {here}".encode(), size=60)
            wires[other].send(last)
            assert not {hello, answer, unknown} & set(wires[number].received_before(last))
    table = daemon.fdb()
    assert table[("red", twin)]["interface"] == "lan1"
    assert table[("blue", twin)]["interface"] == "lan3"
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("other", ["linux", "starocean"])
def test_a_loop_of_two_cables(lab, other):
    """Two cables to another switch, which has no spanning tree: broadcasts circle for ever. The daemon
    says so, stays in command, and works as before when one cable is pulled."""
    here, there = lab.switch(), lab.switch("other")
    hosts = [lab.host(number, here) for number in (1, 2)]
    for number in (1, 2):
        lab.cable(here, f"loop{number}", there, f"back{number}")
    config = bridge_config(2)
    for number in (1, 2):
        config["interfaces"][f"loop{number}"] = {}
    config["bridges"]["lan"]["interfaces"] += ["loop1", "loop2"]
    daemon = lab.starocean(here, config)
    peer = None
    if other == "starocean":
        peer_config = bridge_config(0)
        peer_config["interfaces"] = {"back1": {}, "back2": {}}
        peer_config["bridges"] = {"ring": {"interfaces": ["back1", "back2"]}}
        peer = lab.starocean(there, peer_config, name="peer")
    else:
        there.ip("link", "add", "br0", "up", "type", "bridge")
        for number in (1, 2):
            there.ip("link", "set", f"back{number}", "master", "br0")

    with hosts[0].wire(TEST_ETHERTYPE) as wire:
        wire.send(frame(BROADCAST, hosts[0].mac, b"round and round", size=60))
        reported = wait_until(
            lambda: [loop for loop in daemon.show("interfaces")["loops"] if loop["mac"] == hosts[0].mac],
            "the loop is reported", 20, 0.2)
    assert reported[0]["bridge"] == "lan" and reported[0]["moves"] > 0
    assert "loop1" in reported[0]["interfaces"] or "loop2" in reported[0]["interfaces"]
    assert daemon.running() and (peer is None or peer.running())

    here.link_down("loop2")
    wait_state(daemon, "loop2", "down")
    wait_until(lambda: hosts[0].reaches(hosts[1].ipv4), "hosts talk again once one cable is pulled", 20)
    hosts[1].ping(hosts[0].ipv4, count=20)
