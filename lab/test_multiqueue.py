"""Queues and workers in every proportion that two of each allow."""

import os
import struct

import pytest

from starocean_lab import LabError, machine, traffic, wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, frame


def needs_two_cpus():
    if machine.cpus() < 2:
        pytest.skip("two workers on CPUs of their own need two CPUs; this machine has one")


def parallel_transfers(a, b, count=8, size=10_000_000):
    pairs = [(a, b) if n % 2 else (b, a) for n in range(count)]
    return traffic.in_parallel([lambda p=p, n=n: traffic.tcp_transfer(*p, size, seed=n)
                                for n, p in enumerate(pairs)])


def received(daemon):
    """Frames received, by (interface, queue)."""
    return {(q["interface"], q["queue"]): q["counters"]["received"] for q in daemon.show("queues")["queues"]}


def test_two_queues_two_workers(lab):
    needs_two_cpus()
    daemon, (a, b) = lab.switched(2, workers=2, queues=2)
    assert set(received(daemon)) == {(f"lan{n}", q) for n in (1, 2) for q in (0, 1)}
    assert {q["worker"] for q in daemon.show("queues")["queues"]} == {0, 1}
    for result in parallel_transfers(a, b):
        assert result.received_sha256 == result.sent_sha256
    # Linux spreads flows over the sender's queues by a hash with a seed of its own; many short flows
    # reach both queues sooner or later.
    for _ in range(20):
        traffic.udp_exchange(a, b, [100] * 4)
        traffic.udp_exchange(b, a, [100] * 4)
        if all(received(daemon).values()):
            break
    assert all(received(daemon).values()), received(daemon)


def test_one_queue_two_workers(lab):
    """Each port's only queue belongs to one worker; what the other has for it is handed over."""
    needs_two_cpus()
    daemon, (a, b) = lab.switched(2, workers=2, queues=1)
    owners = {q["interface"]: q["worker"] for q in daemon.show("queues")["queues"]}
    assert set(owners.values()) == {0, 1}
    for result in parallel_transfers(a, b):
        assert result.received_sha256 == result.sent_sha256
    daemon.assert_conserved()
    workers = daemon.show("workers")["workers"]
    assert all(worker["counters"]["handoff_out"] > 0 for worker in workers)
    assert (sum(worker["counters"]["handoff_out"] for worker in workers)
            == sum(worker["counters"]["handoff_in"] for worker in workers))


def threads_of(daemon):
    """The CPUs on which each thread may run, by its name."""
    pid = daemon.process.pid
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="ascii") as file:
            found.setdefault(file.read().strip(), set()).update(os.sched_getaffinity(int(thread)))
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_other_threads_keep_off_the_workers_cpus(lab, workers):
    """Where there is another CPU: with two workers on two CPUs there is none, and all go on as they may."""
    needs_two_cpus()
    daemon, _ = lab.switched(2, workers=workers)
    threads = threads_of(daemon)
    busy = {f"worker-{n}": threads.pop(f"worker-{n}") for n in range(workers)}
    assert list(busy.values()) == [{n} for n in range(workers)]
    allowed = os.sched_getaffinity(0)
    assert threads and all(cpus == (allowed - set(range(workers)) or allowed) for cpus in threads.values()), threads


def test_two_queues_one_worker(lab):
    daemon, (a, b) = lab.switched(2, workers=1, queues=2)
    assert {q["worker"] for q in daemon.show("queues")["queues"]} == {0}
    for result in parallel_transfers(a, b):
        assert result.received_sha256 == result.sent_sha256


def test_jumbo_frames_are_handed_over_whole(lab):
    needs_two_cpus()
    _, (a, b) = lab.switched(2, workers=2, mtu=9000)
    with a.wire() as a_wire, b.wire() as b_wire:
        for size in (1514, 1793, 3841, 9013, 9014):
            for sender, receiver, source, wires in ((a, b, a.mac, (a_wire, b_wire)),
                                                    (b, a, b.mac, (b_wire, a_wire))):
                data = frame(receiver.mac, source, os.urandom(size), size=size)
                wires[0].send(data)
                wires[1].expect(data)
    result = traffic.tcp_transfer(a, b, 50_000_000)
    assert result.received_sha256 == result.sent_sha256


@pytest.mark.parametrize("workers", [1, 2])
def test_a_flow_keeps_its_order(lab, workers):
    """20,000 numbered frames from one host to another arrive in order; windows keep rings from
    overflowing, so that none is missing either."""
    if workers == 2:
        needs_two_cpus()
    _, (a, b) = lab.switched(2, workers=workers, ipv6=False)
    with a.wire() as a_wire, b.wire(TEST_ETHERTYPE) as b_wire:
        hello = frame(BROADCAST, b.mac, b"learn me", size=60)
        b_wire.send(hello)
        a_wire.expect(hello)
        window = 256
        for first in range(0, 20_000, window):
            numbers = range(first, first + window)
            for number in numbers:
                a_wire.send(frame(b.mac, a.mac, struct.pack("!I", number), size=64))
            seen = []
            for data in b_wire.frames():
                seen.append(struct.unpack_from("!I", data, 14)[0])
                if len(seen) == window:
                    break
            if seen != list(numbers):
                raise LabError(f"sent {first} to {first + window - 1} in order, received {seen}")


def test_a_device_gets_more_queues_at_run_time(lab):
    """`queues: all` means all that there are now; what arrives on the new one is not left to Linux."""
    switch = lab.switch()
    a, b = (lab.host(number, switch, queues=2, ipv6=False) for number in (1, 2))
    switch.run("ethtool", "-L", "lan1", "rx", "1", "tx", "1")
    daemon = lab.starocean(switch, bridge_config(2, workers=2))
    assert daemon.interface("lan1")["queues"] == 1
    a.ping(b.ipv4)
    switch.run("ethtool", "-L", "lan1", "rx", "2", "tx", "2")
    wait_until(lambda: daemon.interface("lan1")["queues"] == 2, "both queues are taken", 15, 0.1)
    assert {q["worker"] for q in daemon.show("queues")["queues"] if q["interface"] == "lan1"} == {0, 1}
    a.ping(b.ipv4, count=5)
    parallel_transfers(a, b)


def test_events_that_change_nothing_change_nothing(lab):
    """Linux tells of each interface often; only what matters makes a new configuration for the workers."""
    daemon, (a, b) = lab.switched(2, ipv6=False)
    before = daemon.show("interfaces")["generation"]
    for number in range(20):
        daemon.namespace.ip("link", "set", "dev", "lan1", "alias", f"name {number}")
    daemon.namespace.ip("link", "set", "dev", "lan1", "mtu", 1400)
    wait_until(lambda: daemon.interface("lan1")["mtu"] == 1400, "the daemon has heard of the MTU", 15, 0.1)
    assert daemon.show("interfaces")["generation"] == before + 1
    a.ping(b.ipv4, size=1300)
