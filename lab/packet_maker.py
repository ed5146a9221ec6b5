"""Random packets of every kind that the parser knows, made by scapy, the same in every run."""
import ipaddress
import random

from scapy.all import (
    AH, ARP, ESP, GRE, ICMP, IP, TCP, UDP, VXLAN, Dot1AD, Dot1Q, Ether, ICMPv6DestUnreach,
    ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, IPOption_NOP,
    IPOption_RR, IPOption_Router_Alert, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, RouterAlert)


class Maker:
    """Random packets, the same in every run."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def bytes(self, most=40):
        return self.random.randbytes(self.random.randrange(most))

    def v4(self):
        return str(ipaddress.IPv4Address(self.random.getrandbits(32)))

    def v6(self):
        # Zero groups are where the text forms differ.
        groups = [self.random.choice((0, 0, 1, self.random.getrandbits(16))) for _ in range(8)]
        return ":".join(f"{group:x}" for group in groups)

    def mac(self):
        return ":".join(f"{byte:02x}" for byte in self.random.randbytes(6))

    def port(self):
        return self.random.choice((self.random.getrandbits(16), 80, 53, 65535))

    def ethernet(self):
        return Ether(dst=self.mac(), src=self.mac())

    def ipv4(self, **fields):
        options = []
        if self.random.random() < 0.2:
            options = [IPOption_RR(routers=["0.0.0.0"] * self.random.randrange(1, 4)), IPOption_NOP(),
                       IPOption_Router_Alert()][:self.random.randrange(1, 4)]
        return IP(src=self.v4(), dst=self.v4(), ttl=self.random.getrandbits(8),
                  id=self.random.getrandbits(16), tos=self.random.getrandbits(8), options=options,
                  **fields)

    def extensions(self):
        chain = []
        if self.random.random() < 0.3:
            chain.append(IPv6ExtHdrHopByHop(options=[RouterAlert()]))
        if self.random.random() < 0.3:
            chain.append(IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(self.random.randrange(20)))]))
        if self.random.random() < 0.2:
            hops = [self.v6() for _ in range(self.random.randrange(1, 4))]
            chain.append(IPv6ExtHdrRouting(addresses=hops, segleft=0))
        if self.random.random() < 0.2:
            chain.append(IPv6ExtHdrFragment(id=self.random.getrandbits(32)))
        if self.random.random() < 0.2:
            chain.append(AH(spi=1, seq=2, payloadlen=4, icv=self.random.randbytes(12)))
        return chain

    def ipv6(self, *, plain=False, **fields):
        packet = IPv6(src=self.v6(), dst=self.v6(), hlim=self.random.getrandbits(8),
                      tc=self.random.getrandbits(8), fl=self.random.getrandbits(20), **fields)
        for extension in [] if plain else self.extensions():
            packet = packet / extension
        return packet

    def ip(self):
        return self.ipv4() if self.random.random() < 0.5 else self.ipv6()

    def tcp(self):
        options = [("MSS", 1460), ("NOP", None), ("WScale", 7), ("SAckOK", b"")]
        return TCP(sport=self.port(), dport=self.port(), flags=self.random.getrandbits(8),
                   seq=self.random.getrandbits(32),
                   options=options[:self.random.randrange(5)]) / self.bytes()

    def udp(self):
        return UDP(sport=self.port(), dport=self.port()) / self.bytes()

    def transport(self):
        return self.tcp() if self.random.random() < 0.5 else self.udp()

    def tags(self):
        shape = self.random.choice(("", "", "c", "s", "sc", "cc", "ss"))
        packet = self.ethernet()
        for kind in shape:
            tag = Dot1Q if kind == "c" else Dot1AD
            packet = packet / tag(vlan=self.random.getrandbits(12), prio=self.random.getrandbits(3))
        return packet

    def icmp(self):
        if self.random.random() < 0.5:
            kind = self.random.choice((0, 8))
            return self.ipv4() / ICMP(type=kind, id=self.random.getrandbits(16)) / self.bytes()
        quoted = self.ipv4() / UDP(sport=self.port(), dport=self.port())
        return self.ipv4() / ICMP(type=self.random.choice((3, 11)),
                                  code=self.random.randrange(2)) / quoted

    def icmpv6(self):
        mac = self.mac()
        body = self.random.choice((
            ICMPv6EchoRequest(id=self.random.getrandbits(16), data=self.bytes()),
            ICMPv6EchoReply(id=self.random.getrandbits(16), data=self.bytes()),
            ICMPv6ND_NS(tgt=self.v6()) / ICMPv6NDOptSrcLLAddr(lladdr=mac),
            ICMPv6ND_NA(tgt=self.v6()) / ICMPv6NDOptDstLLAddr(lladdr=mac),
            ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=mac),
            ICMPv6ND_RA() / ICMPv6NDOptMTU(mtu=1500) / ICMPv6NDOptPrefixInfo(prefix="2001:db8::"),
            ICMPv6DestUnreach(code=self.random.randrange(5))
            / IPv6(src=self.v6(), dst=self.v6()) / UDP(sport=1, dport=2)))
        return self.ipv6(plain=self.random.random() < 0.5) / body

    def arp(self):
        return ARP(op=self.random.choice((1, 2)), hwsrc=self.mac(), hwdst=self.mac(),
                   psrc=self.v4(), pdst=self.v4())

    def fragment(self):
        offset, more = self.random.choice(((0, 1), (self.random.randrange(1, 8192), 1),
                                           (self.random.randrange(1, 8192), 0)))
        payload = bytes(self.transport())
        payload = (payload + bytes(60))[:64]
        proto = self.random.choice((6, 17))
        if proto == 6:
            payload = bytes(TCP(sport=self.port(), dport=self.port())) + payload
        else:
            payload = bytes(UDP(sport=self.port(), dport=self.port(), len=2000)) + payload
        if self.random.random() < 0.5:
            return self.ipv4(frag=offset, flags="MF" if more else 0, proto=proto) / Raw(payload)
        return (self.ipv6(plain=True, nh=44)
                / IPv6ExtHdrFragment(nh=proto, offset=offset, m=more, id=7) / Raw(payload))

    def vxlan(self):
        inner = self.tags() / self.random.choice((complete(self.ip() / self.transport()), self.arp()))
        outer = self.ipv4() if self.random.random() < 0.5 else self.ipv6(plain=True)
        checksum = {} if self.random.random() < 0.5 or outer.version == 6 else {"chksum": 0}
        return (outer / UDP(sport=self.port(), dport=4789, **checksum)
                / VXLAN(vni=self.random.getrandbits(24)) / inner)

    def other(self):
        return self.random.choice((
            self.ipv4() / GRE() / Raw(self.bytes()),
            self.ipv6(plain=True) / ESP(spi=1, seq=2, data=self.random.randbytes(24)),
            self.ipv6(plain=True, nh=59) / Raw(self.bytes()),
            self.ipv4(proto=253) / Raw(self.bytes())))

    def damaged_checksum(self):
        """One bit of a header wrong: the IPv4 checksum or the transport's does not match."""
        frame = bytearray(bytes(self.ethernet() / IP(src=self.v4(), dst=self.v4()) / self.transport()))
        place = self.random.choice((15, 18, 22, 26, 27, 30, 33, 35, 37))
        frame[place] ^= 1 << self.random.randrange(8)
        return bytes(frame)


def complete(packet):
    """scapy does not fill in what follows AH."""
    if AH in packet:
        packet[AH].nh = {TCP: 6, UDP: 17}.get(type(packet[AH].payload), 58)
    return packet


KINDS = {
    "transport": lambda make: make.tags() / complete(make.ip() / make.transport()),
    "icmp": lambda make: make.tags() / make.icmp(),
    "icmpv6": lambda make: make.tags() / complete(make.icmpv6()),
    "arp": lambda make: make.tags() / make.arp(),
    "fragment": lambda make: make.tags() / make.fragment(),
    "vxlan": lambda make: make.ethernet() / make.vxlan(),
    "other": lambda make: make.tags() / make.other(),
    "damaged_checksum": lambda make: make.damaged_checksum(),
}
