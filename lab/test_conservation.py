"""In = out + named drops, and pool + rings + in flight = total frames: under load, with too little of
everything, and across every event that may lose track of a frame. (All other labs end with it too.)"""

import contextlib
import json
import signal

import pytest

from starocean_lab import gen, traffic, wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.namespace import cable
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, frame


def device_packets(namespace, device):
    """(received, sent) as Linux counts them."""
    stats = json.loads(namespace.ip("-j", "-s", "link", "show", device).stdout)[0]["stats64"]
    return stats["rx"]["packets"], stats["tx"]["packets"]


def flood(host, size, destination=BROADCAST):
    """Work for Background: raw frames to one address, as fast as Python can."""
    def work(stop):
        data = frame(destination, host.mac, b"flood", size=size)
        with host.wire(TEST_ETHERTYPE) as wire:
            while not stop.is_set():
                for _ in range(64):
                    wire.send(data)
    return work


def received(daemon):
    return daemon.counters()["rx_packets"]


def run_load(daemon, *works, packets=30_000):
    """Until the daemon has received that many more packets; then everything must add up."""
    before = received(daemon)
    with traffic.Background(*works):
        wait_until(lambda: received(daemon) > before + packets, f"{packets} packets have come", 60, 0.2)
    daemon.assert_conserved()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("memory", [{}, {"frames": 18944}], ids=["plenty", "few-frames"])
def test_floods_and_unicast_together(lab, workers, memory):
    daemon, (a, b, c) = lab.switched(3, workers=workers, memory=memory)
    a.ping(b.ipv4)
    run_load(daemon, flood(a, 64), flood(b, 1514), flood(c, 300, a.mac), traffic.udp_load(a, b))
    a.ping(b.ipv4)


def test_jumbo_floods(lab):
    daemon, (a, b, c) = lab.switched(3, workers=2, mtu=9000)
    run_load(daemon, flood(a, 9014), flood(b, 5000), flood(c, 1793, a.mac), packets=10_000)
    a.ping(b.ipv4, size=8972)


def test_links_come_and_go_under_load(lab):
    """Frames that sit in the rings of a device that vanishes are not lost to the pool."""
    daemon, (a, b, c) = lab.switched(3, workers=2)
    with traffic.Background(flood(a, 200), traffic.udp_load(c, a)):
        for _ in range(5):
            daemon.namespace.link_down("lan2")
            wait_until(lambda: daemon.interface("lan2")["state"] == "down", "lan2 is down", 15, 0.1)
            daemon.namespace.link_up("lan2")
            wait_until(lambda: daemon.interface("lan2")["state"] == "up", "lan2 is up", 15, 0.1)
        for _ in range(3):
            daemon.namespace.ip("link", "del", "lan2")
            wait_until(lambda: daemon.interface("lan2")["state"] == "absent", "lan2 is absent", 15, 0.1)
            cable(daemon.namespace, "lan2", b.namespace, b.device, b_mac=b.mac)
            wait_until(lambda: daemon.interface("lan2")["state"] == "up", "lan2 is back", 15, 0.1)
    daemon.assert_conserved()
    c.ping(a.ipv4)


def test_reload_under_load(lab):
    """A bridge loses and regains a member while traffic flows; a reload is live when it returns."""
    daemon, (a, b, c) = lab.switched(3)
    full, less = bridge_config(3), bridge_config(3)
    less["bridges"]["lan"]["interfaces"] = ["lan1", "lan2"]
    with traffic.Background(flood(a, 200), traffic.udp_load(b, a)):
        generation = daemon.show("interfaces")["generation"]
        for _ in range(5):
            daemon.reload(less)
            assert daemon.interface("lan3")["bridge"] == ""
            daemon.reload(full)
            assert daemon.interface("lan3")["bridge"] == "lan"
        assert daemon.show("interfaces")["generation"] >= generation + 10
    daemon.assert_conserved()
    c.ping(a.ipv4)


def test_agrees_with_what_linux_counts(lab):
    """The hosts' own device counters and ours tell one story: sent by a host = received by us or dropped
    by the kernel on the way, and what we sent is what the hosts received."""
    daemon, (a, b) = lab.switched(2, ipv6=False)
    base = {host: device_packets(host.namespace, host.device) for host in (a, b)}
    counted = {port: daemon.interface(port)["counters"] for port in ("lan1", "lan2")}
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        for first in range(0, 5000, 100):
            sent = [frame(BROADCAST, a.mac, (first + n).to_bytes(4, "big"), size=64) for n in range(100)]
            for data in sent:
                a_wire.send(data)
            for data in sent:
                b_wire.expect(data)
    daemon.assert_conserved()
    for host, port in ((a, "lan1"), (b, "lan2")):
        host_in, host_out = (now - then for now, then in
                             zip(device_packets(host.namespace, host.device), base[host], strict=True))
        now = daemon.interface(port)["counters"]
        assert host_out == now["rx_packets"] - counted[port]["rx_packets"]
        assert host_in == now["tx_packets"] - counted[port]["tx_packets"]


@contextlib.contextmanager
def stopped(daemon):
    """Its workers are away, as when a hypervisor has taken their CPUs."""
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)


def late_turns(daemon):
    return daemon.show("workers")["workers"][0]["counters"]["late_turns"]


def send_frames(source, destination, count):
    """At a rate that veths and workers are not in doubt about."""
    gen.send(source.namespace, source.device, "--source-mac", source.mac, "--destination-mac", destination.mac, "--count", count,
             "--rate", 100_000)


def test_what_comes_while_the_workers_are_away(lab):
    """What comes meanwhile waits in the rings. They have 4096 frames for it until that was too little once, and then all
    16384 of the fill ring; nothing is lost unnamed, nor out of order."""
    daemon, (a, b) = lab.switched(2, memory={"frames": 65536}, ipv6=False)
    # No IP: Linux would ask again for the other's MAC address, and each frame is counted below.
    with a.wire(TEST_ETHERTYPE) as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        hello = frame(BROADCAST, b.mac, b"here I am")
        b_wire.send(hello)
        a_wire.expect(hello)

    def fates():
        queue = next(queue for queue in daemon.show("queues")["queues"] if queue["interface"] == "lan1")["counters"]
        return queue["received"], queue["kernel_rx_dropped"]

    def while_away(count):
        """(received by the switch, dropped by the kernel)"""
        end = gen.Receiver(lab, b.namespace, b.device)
        before = fates()
        with stopped(daemon):
            send_frames(a, b, count)
        wait_until(lambda: sum(fates()) >= sum(before) + count, f"{count} frames were received or dropped", 30, 0.2)
        daemon.assert_conserved()
        received_now, dropped = (now - then for now, then in zip(fates(), before, strict=True))
        result = end.result()["result"]
        assert (result["duplicates"], result["reordered"], result["corrupted"]) == (0, 0, 0)
        assert result["received"] == received_now
        return received_now, dropped

    assert while_away(4000) == (4000, 0)
    assert late_turns(daemon) == 0
    got, dropped = while_away(6000)
    # Rings are topped up 64 frames at a time.
    assert 4096 - 64 < got <= 4096 and got + dropped == 6000
    assert late_turns(daemon) == 1
    assert while_away(16_000) == (16_000, 0)
    assert late_turns(daemon) == 1


def test_a_device_comes_back_to_workers_that_were_away(lab):
    """What its rings need is kept for it: those of the others, which may be fuller now, do not take it."""
    switch = lab.switch()
    a, b, c = [lab.host(number, switch) for number in (1, 2, 3)]
    config = bridge_config(3, memory={"frames": 3 * (4096 + 64) + 256})
    config["interfaces"] = {port: {"rings": {"tx": 64}} for port in config["interfaces"]}
    daemon = lab.starocean(switch, config)
    a.ping(b.ipv4)
    with stopped(daemon):
        send_frames(a, b, 6000)
    wait_until(lambda: late_turns(daemon) >= 1, "the worker has noticed", 30)
    for _ in range(2):
        switch.ip("link", "del", "lan3")
        wait_until(lambda: daemon.interface("lan3")["state"] == "absent", "lan3 is absent", 15, 0.1)
        a.ping(b.ipv4)
        cable(switch, "lan3", c.namespace, c.device, b_mac=c.mac)
        wait_until(lambda: daemon.interface("lan3")["state"] == "up", "lan3 is back", 15, 0.1)
    daemon.assert_conserved()
