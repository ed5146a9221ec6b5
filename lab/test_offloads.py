"""Hosts as Linux sets them up, with unfinished checksums, TSO and GRO, and hosts without any of it.
This is where user-space switches usually let ping through and break TCP."""

import socket

import pytest

from starocean_lab import traffic
from starocean_lab.lab import bridge_config

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
# One byte, odd lengths, a full packet, and what IP has to fragment.
DATAGRAMS = [0, 1, 2, 3, 63, 64, 65, 511, 1023, 1450, 1451, 1452, 1471, 1472, 1473, 2961, 8999, 30001, 65000]


@FAMILIES
@pytest.mark.parametrize("offloads", [(True, True), (False, False), (True, False), (False, True)],
                         ids=["both-on", "both-off", "on-off", "off-on"])
def test_tcp_and_udp(lab, offloads, family):
    switch = lab.switch()
    a, b = (lab.host(number, switch, offloads=on) for number, on in enumerate(offloads, 1))
    daemon = lab.starocean(switch, bridge_config(2))
    a.ping(b.address(family))
    for sender, receiver in ((a, b), (b, a)):
        result = traffic.tcp_transfer(sender, receiver, 40_000_000, family)
        assert result.received_bytes == 40_000_000
        assert result.received_sha256 == result.sent_sha256
        traffic.udp_exchange(sender, receiver, DATAGRAMS * 3, family, window=8)
    finished = [daemon.interface(f"lan{n}")["counters"]["checksums_finished"] for n in (1, 2)]
    for on, count in zip(offloads, finished, strict=True):
        if on:
            assert count > 0, "a host with checksum offload hands out unfinished checksums"


def test_many_connections_at_once(lab):
    """Several TCP streams each way between hosts with default offloads."""
    _, hosts = lab.switched(3)
    works = [(hosts[n % 3], hosts[(n + 1 + n % 2) % 3], n) for n in range(6)]
    results = traffic.in_parallel(
        [lambda a=a, b=b, n=n: traffic.tcp_transfer(a, b, 20_000_000, seed=n) for a, b, n in works])
    for result in results:
        assert result.received_sha256 == result.sent_sha256
