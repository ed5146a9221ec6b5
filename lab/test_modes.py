"""What one daemon can be told to do differently, with the same result for the hosts: how workers wait, where
the program is attached; and what it does unasked: give up privileges, write its status to the log."""

import pathlib
import re

import pytest

from starocean_lab import traffic, wait_until
from starocean_lab.lab import bridge_config

# CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK, CAP_PERFMON, CAP_BPF (linux/capability.h)
KEPT = sum(1 << number for number in (12, 13, 14, 38, 39))


def forwards(hosts, size=20_000_000):
    a, b = hosts
    a.ping(b.ipv4, count=10)
    b.ping(a.ipv6, size=1452)
    result = traffic.tcp_transfer(a, b, size)
    assert result.received_sha256 == result.sent_sha256


def start(lab, config, offloads=True):
    switch = lab.switch()
    hosts = [lab.host(number, switch, offloads=offloads) for number in (1, 2)]
    return lab.starocean(switch, config), hosts


@pytest.mark.parametrize("poll", ["busy", "interrupt"])
@pytest.mark.parametrize("workers", [1, 2])
def test_how_workers_wait(lab, poll, workers):
    config = bridge_config(2, workers=workers)
    config["workers"]["poll"] = poll
    daemon, hosts = start(lab, config)
    forwards(hosts)
    shown = daemon.show("workers")["workers"]
    assert [worker["poll"] for worker in shown] == [poll] * workers
    sleeps = [worker["counters"]["sleeps"] for worker in shown]
    assert not any(sleeps) if poll == "busy" else all(sleeps)
    assert all(queue["busy_poll"] == (poll == "busy") for queue in daemon.show("queues")["queues"])


def test_generic_mode_forwards(lab):
    """Without super-packets: only native mode tells a veth's other end to make none."""
    config = bridge_config(2)
    for options in config["interfaces"].values():
        options["attach"] = "generic"
    daemon, hosts = start(lab, config, offloads=False)
    assert [port["attach"] for port in daemon.show("interfaces")["interfaces"]] == ["generic"] * 2
    forwards(hosts)


def test_privileges_are_given_up(lab):
    """All threads of a daemon that forwards, and whatever they might start, have what new interfaces need."""
    daemon, (a, b) = lab.switched(2)
    a.ping(b.ipv4)
    threads = list(pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir())
    assert len(threads) > 2
    for thread in threads:
        status = dict(re.findall(r"^(\w+):\s+(\S+)", (thread / "status").read_text(), re.MULTILINE))
        for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[field], 16) & ~KEPT == 0, f"{thread}: {field} {status[field]}"
        assert int(status["CapEff"], 16) == KEPT
        assert status["NoNewPrivs"] == "1"


def test_the_log_tells_the_status(lab):
    switch = lab.switch()
    hosts = [lab.host(number, switch) for number in (1, 2)]
    daemon = lab.starocean(switch, bridge_config(2), arguments=["--status-interval", "1"])
    hosts[0].ping(hosts[1].ipv4)
    for port in ("lan1", "lan2"):
        wait_until(lambda p=port: re.search(rf"{p}:0 Filled=[1-9]\d* Completed=\d+ Received=[1-9]\d* Transmitted="
                                            r"[1-9].*\[K\]TxRingEmpty=", daemon.log()),
                   f"the status line of {port} tells of the packets", 20, 0.2)
