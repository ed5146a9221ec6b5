"""IGMP and MLD snooping: real joins by hosts' kernels, a querier made by hand, and where groups go."""

import socket
import struct

import pytest

from starocean_lab import wait_until
from starocean_lab.wire import BROADCAST, frame

GROUPS = {4: "239.1.2.3", 6: "ff0e::1:203"}
GROUP_MACS = {4: "01:00:5e:01:02:03", 6: "33:33:00:01:02:03"}
UNKNOWN_MACS = {4: "01:00:5e:09:09:09", 6: "33:33:00:09:09:09"}


def scapy():
    return pytest.importorskip("scapy.all", reason="python3-scapy is not installed")


def query(family, mac):
    """A general query of version 3 (MLD: 2) that wants answers within a tenth of a second."""
    made = scapy()
    if family == 6:
        packet = (made.Ether(src=mac, dst="33:33:00:00:00:01") / made.IPv6(src="fe80::99", dst="ff02::1", hlim=1) /
                  made.IPv6ExtHdrHopByHop(options=[made.RouterAlert()]) / made.ICMPv6MLQuery2(mrd=100))
        return bytes(packet)
    body = struct.pack("!BBHIBBH", 0x11, 1, 0, 0, 2, 125, 0)
    body = body[:2] + struct.pack("!H", made.checksum(body)) + body[4:]
    packet = (made.Ether(src=mac, dst="01:00:5e:00:00:01") /
              made.IP(src="10.0.0.99", dst="224.0.0.1", proto=2, ttl=1, options=[made.IPOption_Router_Alert()]) /
              made.Raw(body))
    return bytes(packet)


def stream(family, destination_mac, group, number):
    made = scapy()
    ip = (made.IP(src="10.0.0.1", dst=group, ttl=8) if family == 4
          else made.IPv6(src="fd00::1", dst=group, hlim=8))
    return bytes(made.Ether(src="02:00:00:00:00:01", dst=destination_mac) / ip /
                 made.UDP(sport=5000, dport=5000) / made.Raw(number.to_bytes(4, "big") * 20))


def join(host, family, group):
    """A socket that is a member, as long as it is open."""
    if family == 4:
        sock = host.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        socket.inet_aton(group) + socket.inet_aton(host.ipv4))
        return sock
    with host.namespace.entered():
        index = socket.if_nametoindex(host.device)
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                        socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
    return sock


def members(daemon, mac):
    for entry in daemon.show("vlans")["groups"]:
        if entry["group"] == mac:
            return entry["interfaces"]
    return []


class Streams:
    """Sends numbered packets from the first host, each followed by a broadcast, and says who got them."""

    def __init__(self, hosts):
        self.wires = [host.wire() for host in hosts]
        self.source = hosts[0].mac
        self.number = 0

    def receivers(self, family, mac, group):
        self.number += 1
        data = stream(family, mac, group, self.number)
        last = frame(BROADCAST, self.source, b"end %d" % self.number, size=60)
        self.wires[0].send(data)
        self.wires[0].send(last)
        return {number + 2 for number, wire in enumerate(self.wires[1:]) if data in wire.received_before(last)}

    def close(self):
        for wire in self.wires:
            wire.close()


@pytest.mark.parametrize("family", [4, 6])
def test_groups_go_to_who_asked(lab, family):
    """Hosts 1 (source), 2 (joins), 3 (does not) and 4 (the router)."""
    group, mac = GROUPS[family], GROUP_MACS[family]
    daemon, hosts = lab.switched(4, ipv6=family == 6, bridge={"multicast_snooping": True})
    router = hosts[3]
    streams = Streams(hosts)
    everybody = {2, 3, 4}
    assert streams.receivers(family, mac, group) == everybody, "nobody has said anything: flooded"
    with join(hosts[1], family, group):
        wait_until(lambda: members(daemon, mac) == ["lan2"], "host 2's join has been heard")
        assert streams.receivers(family, mac, group) == everybody, "no querier: flooded"
        streams.wires[3].send(query(family, router.mac))
        wait_until(lambda: streams.receivers(family, mac, group) == {2, 4}, "it goes to host 2 and the router")
        for _ in range(20):
            assert streams.receivers(family, mac, group) == {2, 4}
        unknown = "239.9.9.9" if family == 4 else "ff0e::9:909"
        assert streams.receivers(family, UNKNOWN_MACS[family], unknown) == everybody, "nobody asked: flooded"
        link = ("224.0.0.251", "01:00:5e:00:00:fb") if family == 4 else ("ff02::fb", "33:33:00:00:00:fb")
        assert streams.receivers(family, link[1], link[0]) == everybody, "of the link: flooded"
        with join(hosts[2], family, group):
            wait_until(lambda: members(daemon, mac) == ["lan2", "lan3"], "host 3's join has been heard")
            wait_until(lambda: streams.receivers(family, mac, group) == everybody, "it goes to host 3 too")
        # Leaving takes effect when nobody has objected for two seconds.
        wait_until(lambda: members(daemon, mac) == ["lan2"], "host 3 has left", 20)
        wait_until(lambda: streams.receivers(family, mac, group) == {2, 4}, "it goes to host 3 no more")
        # Asked by the querier, host 2 says again that it wants it, and the router hears that.
        streams.wires[3].send(query(family, router.mac))
        heard = streams.wires[3].receive(
            lambda data: data[6:12] == bytes.fromhex(hosts[1].mac.replace(":", "")) and is_report(data))
        assert heard is not None
        streams.wires[2].drain()
    streams.close()
    assert daemon.counters()["snooping_malformed"] == 0


def is_report(data):
    if data[12:14] == b"\x08\x00":
        return data[23] == 2 and data[14 + (data[14] & 15) * 4] == 0x22
    return data[12:14] == b"\x86\xdd" and data[20] == 0 and data[62] == 143


def test_each_vlan_has_its_own_groups(lab):
    """A querier and a member in VLAN 10 say nothing about VLAN 20."""
    group, mac = GROUPS[4], GROUP_MACS[4]
    trunk = {"trunk": [10, 20]}
    daemon, (source, host, other, router) = lab.switched(
        4, ipv6=False, bridge={"multicast_snooping": True, "interfaces": {
            "lan1": trunk, "lan2": {"vlan": 10}, "lan3": {"vlan": 20}, "lan4": trunk}})
    with join(host, 4, group), source.wire() as s_wire, host.wire() as h_wire, other.wire() as o_wire, \
            router.wire() as r_wire:
        asked = query(4, router.mac)
        tag = {vlan: b"\x81\x00" + vlan.to_bytes(2, "big") for vlan in (10, 20)}
        r_wire.send(asked[:12] + tag[10] + asked[12:])
        h_wire.expect(asked)
        wait_until(lambda: members(daemon, mac) == ["lan2"], "the join has been heard")
        assert [entry["vlan"] for entry in daemon.show("vlans")["groups"]] == [10]
        data = stream(4, mac, group, 1)
        for vlan, wire in ((10, h_wire), (20, o_wire)):
            s_wire.send(data[:12] + tag[vlan] + data[12:])
            wire.expect(data)
            r_wire.expect(data[:12] + tag[vlan] + data[12:])


def test_messages_that_are_wrong_teach_nothing(lab):
    daemon, (a, b) = lab.switched(2, ipv6=False, bridge={"multicast_snooping": True})
    bad = bytearray(query(4, a.mac))
    bad[-1] ^= 1
    with a.wire() as a_wire, b.wire() as b_wire:
        a_wire.send(bytes(bad))
        b_wire.expect(bytes(bad))
    wait_until(lambda: daemon.counters()["snooping_malformed"] == 1, "it has been counted")
    assert daemon.show("vlans")["groups"] == []
