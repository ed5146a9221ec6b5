#!/usr/bin/python3
"""Writes the seeds of parse_fuzz: one small frame of each kind that the parser knows.

Usage: make_corpus.py FOLDER. Each file is a byte that cuts the frame into pieces, then the frame.
"""
import pathlib
import struct
import sys

from scapy.all import (
    AH, ARP, ESP, GRE, ICMP, IP, TCP, UDP, VXLAN, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest,
    ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, IPOption_RR, IPv6, IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw, RouterAlert)

ETHER = Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a")
V4 = IP(src="192.0.2.1", dst="198.51.100.2")
V6 = IPv6(src="2001:db8::a", dst="2001:db8::b")
NS = IPv6(src="2001:db8::a", dst="ff02::1:ff00:b", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::b")


def folded_pseudo_sum(packet):
    """The transport checksum as Linux leaves it for hardware to finish."""
    if IP in packet:
        addresses = bytes(packet[IP])[12:20]
        transport = bytes(packet[IP].payload)
        pseudo = addresses + struct.pack("!HH", packet[IP].proto, len(transport))
    else:
        transport = bytes(packet[IPv6].payload)
        pseudo = bytes(packet[IPv6])[8:40] + struct.pack("!II", len(transport), packet[IPv6].nh)
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def unfinished(packet):
    packet = Ether(bytes(packet))
    packet[TCP if TCP in packet else UDP].chksum = folded_pseudo_sum(packet)
    return packet


def seeds():
    tcp = TCP(sport=1111, dport=80, flags="SA", options=[("MSS", 1460), ("NOP", None),
                                                         ("WScale", 7)])
    udp = UDP(sport=1111, dport=2222)
    srh = bytes([17, 4, 4, 1, 1, 0, 0, 0]) + bytes(32)
    inner = ETHER / V4 / TCP(sport=5, dport=6) / b"inner"
    return {
        "arp_request": ETHER / ARP(hwsrc="02:00:00:00:00:0a", psrc="192.0.2.1", pdst="198.51.100.2"),
        "arp_reply": ETHER / ARP(op=2, hwsrc="02:00:00:00:00:0a", psrc="192.0.2.1", pdst="198.51.100.2"),
        "tcp4": ETHER / V4 / tcp,
        "tcp4_unfinished": unfinished(ETHER / V4 / tcp / b"odd"),
        "udp4": ETHER / V4 / udp / b"data",
        "udp4_unfinished": unfinished(ETHER / V4 / udp / b"data"),
        "ipv4_options": ETHER / IP(src="192.0.2.1", dst="198.51.100.2",
                                   options=[IPOption_RR(routers=["0.0.0.0"])]) / udp,
        "ipv4_first": ETHER / IP(src="192.0.2.1", dst="198.51.100.2", flags="MF") / udp / b"12345678",
        "ipv4_later": ETHER / IP(src="192.0.2.1", dst="198.51.100.2", frag=9, proto=17) / b"1234",
        "ping4": ETHER / V4 / ICMP(id=1, seq=2) / b"payload",
        "icmp_error": ETHER / V4 / ICMP(type=3, code=4) / V4 / udp,
        "gre": ETHER / V4 / GRE(),
        "tcp6": ETHER / V6 / tcp,
        "tcp6_unfinished": unfinished(ETHER / V6 / tcp / b"odd"),
        "udp6": ETHER / V6 / udp / b"data",
        "ping6": ETHER / V6 / ICMPv6EchoRequest(id=1, seq=2, data=b"payload"),
        "ns": ETHER / NS / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:0a"),
        "ns_bare": ETHER / NS,
        "ns_dad": ETHER / IPv6(src="::", dst="ff02::1:ff00:b", hlim=255)
        / ICMPv6ND_NS(tgt="2001:db8::b"),
        "na": ETHER / V6 / ICMPv6ND_NA(tgt="2001:db8::a")
        / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:0a"),
        "rs": ETHER / V6 / ICMPv6ND_RS(),
        "ra": ETHER / V6 / ICMPv6ND_RA() / ICMPv6NDOptMTU() / ICMPv6NDOptPrefixInfo(),
        "hop_by_hop": ETHER / V6 / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / udp,
        "routing0": ETHER / V6 / IPv6ExtHdrRouting(addresses=["2001:db8::c"]) / udp,
        "routing4": ETHER / IPv6(src="2001:db8::a", dst="2001:db8::b", nh=43) / Raw(srh)
        / bytes(udp),
        "fragment6_first": ETHER / V6 / IPv6ExtHdrFragment(m=1) / udp / b"12345678",
        "fragment6_later": ETHER / V6 / IPv6ExtHdrFragment(offset=5, nh=17) / b"12345678",
        "destination_options": ETHER / V6 / IPv6ExtHdrDestOpt() / tcp,
        "ah": ETHER / V6 / AH(nh=17, payloadlen=4, icv=bytes(12)) / udp,
        "esp": ETHER / V6 / ESP(),
        "no_next": ETHER / IPv6(src="2001:db8::a", dst="2001:db8::b", nh=59),
        "vlan": ETHER / Dot1Q(vlan=10, prio=3) / V4 / udp,
        "qinq": ETHER / Dot1AD(vlan=20) / Dot1Q(vlan=10) / V6 / tcp,
        "three_tags": ETHER / Dot1AD(vlan=20) / Dot1Q(vlan=10) / Dot1Q(vlan=1) / V4 / udp,
        "vlan_ping": ETHER / Dot1Q(vlan=10) / V4 / ICMP(id=1, seq=2),
        "vxlan": ETHER / V4 / UDP(sport=50000, dport=4789, chksum=0) / VXLAN(vni=100) / inner,
        "vxlan_unfinished": ETHER / V4 / UDP(sport=50000, dport=4789, chksum=0) / VXLAN(vni=100)
        / unfinished(inner),
        "vxlan6": ETHER / V6 / UDP(sport=50000, dport=4789) / VXLAN(vni=100) / inner,
        "llc": bytes(ETHER)[:12] + b"\x00\x03\x42\x42\x03" + bytes(43),
        "lldp": bytes(ETHER)[:12] + b"\x88\xcc\x02\x07",
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, packet in seeds().items():
        (folder / f"seed_{name}").write_bytes(bytes([64]) + bytes(packet))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
