"""Hosts as Linux sets them up, with unfinished checksums, TSO and GRO, and hosts without any of it.
This is where user-space switches usually let ping through and break TCP."""

import os
import socket
import struct

import pytest

from starocean_lab import traffic, wait_until
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


SOL_PACKET, PACKET_VNET_HDR = 263, 15  # linux/if_packet.h
VNET_NEEDS_CSUM, VNET_GSO_TCPV4 = 1, 1  # linux/virtio_net.h


def super_packets(sender, receiver, sizes, segment):
    """Sends TCP packets of so many payload bytes, each with the header that asks Linux to cut it into
    segments; returns the payloads."""
    addresses = socket.inet_aton(sender.ipv4) + socket.inet_aton(receiver.ipv4)
    payloads = [os.urandom(size) for size in sizes]
    with sender.open_socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((sender.device, 0))
        raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        for payload in payloads:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 1, 0, 64, socket.IPPROTO_TCP, 0) + addresses
            ip = ip[:10] + struct.pack("!H", traffic.internet_checksum(ip)) + ip[12:]
            pseudo = addresses + struct.pack("!HH", socket.IPPROTO_TCP, 20 + len(payload))
            unfinished = traffic.internet_checksum(pseudo) ^ 0xFFFF
            tcp = struct.pack("!HHIIBBHHH", 4711, 4712, 1, 1, 5 << 4, 0x10, 1000, unfinished, 0)
            ethernet = bytes.fromhex((receiver.mac + sender.mac).replace(":", "")) + b"\x08\x00"
            vnet = struct.pack("=BBHHHH", VNET_NEEDS_CSUM, VNET_GSO_TCPV4, 54, segment, 34, 16)
            raw.send(vnet + ethernet + ip + tcp + payload)
    return payloads


@pytest.mark.parametrize("mtu, segment", [(1500, 1400), (9000, 8000)])
def test_super_packets_come_in_segments(lab, mtu, segment):
    """A native program, with multi-buffer or without, makes Linux cut them before we see them."""
    switch = lab.switch()
    a, b = (lab.host(number, switch, mtu=mtu, offloads=on, ipv6=False) for number, on in ((1, True), (2, False)))
    daemon = lab.starocean(switch, bridge_config(2))
    a.ping(b.ipv4)
    sizes = [2 * segment, 5 * segment, 7 * segment]
    with b.wire() as wire:
        sent = b"".join(super_packets(a, b, sizes, segment))
        arrived = b""
        while len(arrived) < len(sent):
            data = wire.receive(lambda seen: seen[34:38] == struct.pack("!HH", 4711, 4712))
            assert data is not None and len(data) == 54 + segment
            arrived += data[54:]
    assert arrived == sent
    assert daemon.show("drops")["kernel"]["rx_dropped"] == 0


def test_super_packets_in_generic_mode_are_counted(lab):
    """There Linux does not cut them; they fit no frame, and the kernel counts them for us."""
    switch = lab.switch()
    a, b = (lab.host(number, switch, ipv6=False) for number in (1, 2))
    config = bridge_config(2)
    config["interfaces"]["lan1"]["attach"] = "generic"
    daemon = lab.starocean(switch, config)
    a.ping(b.ipv4)
    super_packets(a, b, [5600, 7000, 14000], 1400)
    wait_until(lambda: daemon.show("drops")["kernel"]["rx_dropped"] == 3, "three packets are counted", 15, 0.1)
    a.ping(b.ipv4)
