"""Three hosts behind one switch: what `make demo` shows, as assertions."""

import itertools
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from starocean_lab import reaper, traffic, wait_until

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])


@FAMILIES
def test_all_pairs_ping(lab, family):
    _, hosts = lab.switched(3)
    for sender, receiver in itertools.permutations(hosts, 2):
        sender.ping(receiver.address(family), count=3)


@FAMILIES
def test_ping_of_every_payload_size(lab, family):
    _, (a, b) = lab.switched(2)
    largest = 1472 if family == socket.AF_INET else 1452
    answered = traffic.ping_every_size(a, b.address(family), range(largest + 1), family)
    assert answered == largest + 1


def test_ping_larger_than_a_packet(lab):
    """Odd sizes that Linux has to fragment, up to the largest that IPv4 can carry."""
    _, (a, b) = lab.switched(2)
    for size in (1473, 1481, 2959, 4095, 9001, 20011, 65507):
        a.ping(b.ipv4, count=2, size=size)


def test_iperf3_both_ways(lab):
    _, (a, b) = lab.switched(2)
    assert a.iperf3(b, seconds=2) > 0
    assert a.iperf3(b, seconds=2, reverse=True) > 0


def test_one_gigabyte_over_tcp(lab):
    _, (a, b) = lab.switched(2)
    result = traffic.tcp_transfer(a, b, 1_000_000_000)
    assert result.received_bytes == 1_000_000_000
    assert result.received_sha256 == result.sent_sha256


def test_a_file_of_200_mb_over_ipv6(lab):
    _, (a, b) = lab.switched(2)
    source, target = os.path.join(lab.directory, "file"), os.path.join(lab.directory, "copy")
    with open(source, "wb") as file:
        for _ in range(200):
            file.write(os.urandom(1_000_000))
    result = traffic.copy_file(b, a, source, target, socket.AF_INET6)
    assert os.path.getsize(target) == 200_000_000
    assert result.received_sha256 == result.sent_sha256


def test_the_switch_tells_what_it_saw(lab):
    daemon, hosts = lab.switched(3)
    for sender, receiver in itertools.permutations(hosts, 2):
        sender.ping(receiver.ipv4, count=5)
    table = daemon.fdb()
    for number, host in enumerate(hosts, 1):
        entry = table[("lan", host.mac)]
        assert entry["interface"] == f"lan{number}" and not entry["static"]
        interface = daemon.interface(f"lan{number}")
        assert interface["state"] == "up" and interface["problem"] == ""
        assert interface["bridge"] == "lan" and interface["mtu"] == 1500
        assert interface["attach"] == "native" and interface["mode"] == "copy"
        assert interface["mac_entries"] >= 1
        # Two partners, five requests and five replies each way.
        assert interface["counters"]["rx_packets"] >= 20
        assert interface["counters"]["tx_packets"] >= 20
    for what in ("interfaces", "fdb", "drops", "workers", "memory", "queues"):
        assert daemon.show(what)["schema_version"] == 1
        assert daemon.cli("show", what).stdout.strip(), f"'show {what}' printed nothing for people"


def test_the_demo_itself(lab):
    """The program behind `make demo` succeeds and leaves nothing."""
    demo = pathlib.Path(__file__).with_name("demo.py")
    done = subprocess.run([sys.executable, demo], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal:" in done.stdout


def test_a_killed_lab_leaves_nothing(lab):
    """kill -9 of the demo while it works: its reaper removes hosts, switch and daemon."""
    demo = pathlib.Path(__file__).with_name("demo.py")
    with subprocess.Popen([sys.executable, demo], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as process:
        while "IPv4" not in (line := process.stdout.readline()):
            assert line, "the demo ended before its first ping"
        assert len(reaper.namespaces_of(process.pid)) == 4
        process.kill()
    wait_until(lambda: not reaper.namespaces_of(process.pid), "the killed demo's namespaces are gone", 20)
