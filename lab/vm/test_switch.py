"""The switch on cards that hand their packets to user space without copying them, and on others."""

import itertools
import socket

import pytest

from starocean_lab import wait_until
from starocean_vm import assert_mode, flood, flows, sockets_of, talk_without_loss, tcp_transfer

# Around the smallest frame, a cache line, a power of two and the largest packet; then fragmented ones.
SIZES = {socket.AF_INET: (0, 1, 18, 65, 512, 1001, 1471, 1472, 1473, 9001, 40003),
         socket.AF_INET6: (0, 1, 65, 999, 1452, 1453, 9001)}
PAYLOAD_BYTES = 4_000_000


def assert_modes(scene, daemon, expected):
    """Of every queue, both as starocean tells it and as Linux does."""
    kernel = sockets_of(scene.switch)
    told = {port["name"]: port["mode"] for port in daemon.show("interfaces")["interfaces"]}
    assert set(told) == set(expected)
    for queue in daemon.show("queues")["queues"]:
        port, number = queue["interface"], queue["queue"]
        assert queue["mode"] == told[port]
        assert_mode(expected[port], told[port], kernel[port, number], f"{port}:{number}")


@pytest.mark.parametrize("mode, wish", [("zero-copy", "auto"), ("copy", "off")], ids=["zero-copy", "copy"])
def test_hosts_talk(scene, mode, wish):
    a, b, _ = scene.hosts
    daemon = scene.switched(zerocopy=wish)
    assert_modes(scene, daemon, {"lan1": mode, "lan2": mode})
    talk_without_loss(daemon, a, b, SIZES, PAYLOAD_BYTES)


@pytest.mark.parametrize("poll", ["busy", "interrupt"])
def test_other_ways_of_polling(scene, poll):
    """Each starts the card's transmission in a way of its own."""
    a, b, _ = scene.hosts
    daemon = scene.switched(workers={"cpus": [0], "poll": poll})
    assert_modes(scene, daemon, {"lan1": "zero-copy", "lan2": "zero-copy"})
    a.ping_sizes(b.ipv4, (0, 1001, 1472, 40003))
    tcp_transfer(b, a, PAYLOAD_BYTES // 4, socket.AF_INET)


def test_cards_with_and_without_zero_copy_in_one_bridge(scene):
    daemon = scene.switched(ports=("lan1", "lan2", "lan3"))
    assert_modes(scene, daemon, {"lan1": "zero-copy", "lan2": "zero-copy", "lan3": "copy"})
    for sender, receiver in itertools.permutations(scene.hosts, 2):
        sender.ping_sizes(receiver.ipv4, (1, 1472))
    tcp_transfer(scene.hosts[0], scene.hosts[2], PAYLOAD_BYTES, socket.AF_INET)


def test_killed_and_stopped_under_load(scene):
    """The next start finds the queues free, or waits until they are: `require` leaves it no other way."""
    a, b, _ = scene.hosts
    daemon = scene.switched(zerocopy="require", start=False)
    with flood(a, b):
        for end in (daemon.kill, daemon.stop, daemon.kill):
            daemon.start()
            assert_modes(scene, daemon, {"lan1": "zero-copy", "lan2": "zero-copy"})
            flows(daemon)
            end()
            assert not scene.switch.has_xdp("lan1")
        daemon.start()
        flows(daemon)
    assert_modes(scene, daemon, {"lan1": "zero-copy", "lan2": "zero-copy"})


def test_a_port_goes_and_comes_under_load(scene):
    """First from the configuration, then from the machine. Its frames, those inside the card included,
    are taken back, and used again by the others."""
    a, b, c = scene.hosts
    daemon = scene.switched(ports=("lan1", "lan2", "lan3"))
    everything = daemon.config
    without = {**everything, "interfaces": {"lan1": {}, "lan3": {}},
               "bridges": {"lan": {"interfaces": ["lan1", "lan3"]}}}
    with flood(a, b):
        flows(daemon)
        daemon.reload(without)
        a.ping(c.ipv4, count=1)
        daemon.reload(everything)
        flows(daemon)
        scene.unplug(2)
        wait_until(lambda: daemon.interface("lan2")["state"] == "absent", "lan2 is absent", 20, 0.2)
        a.ping(c.ipv4, count=1)
        scene.plug(2)
        wait_until(lambda: daemon.interface("lan2")["state"] == "up", "lan2 is back", 20, 0.2)
        flows(daemon)
    assert_modes(scene, daemon, {"lan1": "zero-copy", "lan2": "zero-copy", "lan3": "copy"})
    a.ping(b.ipv4, count=1)


def test_packets_of_several_frames_are_copied(scene):
    """No driver but a few receives those without copying: auto falls back, and says so."""
    a, b, _ = scene.hosts
    for host, port in ((a, "lan1"), (b, "lan2")):
        host.namespace.ip("link", "set", "eth0", "mtu", "3000")
        scene.switch.ip("link", "set", port, "mtu", "3000")
    daemon = scene.switched()
    assert_modes(scene, daemon, {"lan1": "copy", "lan2": "copy"})
    a.ping_sizes(b.ipv4, (1472, 1473, 2001, 2972))
