"""Random packets for a router, the same in every run, each with a number by which what becomes of it is found again:
the last bytes of its source address in SENDERS4 or SENDERS6, or, where the source is to be another, the IPv4
identification or the IPv6 flow label."""

import ipaddress
import random
import struct

from starocean_lab.traffic import internet_checksum

SENDERS4 = ipaddress.IPv4Network("100.64.0.0/10")
SENDERS6 = ipaddress.IPv6Network("fd64::/64")
_SENDERS4, _SENDERS6 = int(SENDERS4[0]), SENDERS6[0].packed[:8]

UDP, TCP, ICMP, ICMPV6 = 17, 6, 1, 58
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _NO_NEXT, _DESTINATION = 0, 43, 44, 51, 59, 60


def v4(text):
    return ipaddress.IPv4Address(text).packed


def v6(text):
    return ipaddress.IPv6Address(text).packed


class Input:
    """One frame to send. `slow`: options, extension headers, a group or the router itself as destination: Linux's
    business in any router of ours, to which it comes `directly` when the frame itself is not for us."""

    __slots__ = ("number", "kind", "frame", "slow", "directly")

    def __init__(self, number, kind, frame, slow, directly=False):
        self.number, self.kind, self.frame = number, kind, frame
        self.slow, self.directly = slow or directly, directly

    def packet(self):
        """What follows Ethernet and its tags."""
        at = 12
        while self.frame[at:at + 2] == b"\x81\x00":
            at += 4
        return self.frame[at + 2:]


class Maker:
    """`destinations` are lists of packed addresses by kind of route; `own` are addresses of the router itself."""

    def __init__(self, seed, router_mac, sender_mac, vlan, destinations4, destinations6, sources4, sources6):
        self.random = random.Random(seed)
        self._macs = bytes.fromhex((router_mac + sender_mac).replace(":", ""))
        self._vlan = vlan
        self._slow = self._directly = False
        self._destinations4, self._destinations6 = destinations4, destinations6
        self._sources4, self._sources6 = sources4, sources6

    def make(self, number):
        self._slow = self._directly = False
        if self.random.random() < 0.55:
            kind, packet, ethertype = self._ipv4(number)
        else:
            kind, packet, ethertype = self._ipv6(number)
        frame = self._frame(packet, ethertype, kind.endswith("cut"))
        return Input(number, kind, frame, self._slow, self._directly)

    def plain4(self, number, destination, options, tagged):
        """UDP with TTL 64 and a good header."""
        head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 28 + len(options), number, 0x4000, 64, UDP, 0)
        head += struct.pack("!I", _SENDERS4 + number) + destination + options
        packet = head[:10] + struct.pack("!H", internet_checksum(head)) + head[12:] + struct.pack("!HHHH", 1024, 1025, 8, 0)
        tag = struct.pack("!HH", 0x8100, self._vlan) if tagged else b""
        return Input(number, "closing", self._macs + tag + b"\x08\x00" + packet, bool(options))

    # ---- Ethernet ----

    def _frame(self, packet, ethertype, cut):
        dice = self.random.random()
        macs, tags = self._macs, b""
        if dice < 0.15:
            tags = struct.pack("!HH", 0x8100, self.random.getrandbits(3) << 13 | self._vlan)
        elif dice < 0.17:  # unknown, priority only, two
            self._directly = True
            tags = self.random.choice((struct.pack("!HH", 0x8100, 99), struct.pack("!HH", 0x8100, 5 << 13),
                                       struct.pack("!HHHH", 0x8100, self._vlan, 0x8100, 7)))
        elif dice < 0.19:  # other stations', and broadcast
            self._directly = True
            macs = self.random.choice((b"\x02\0\0\0\0\x77", b"\xff" * 6)) + macs[6:]
        elif dice < 0.195:  # the other family's
            ethertype ^= 0x0800 ^ 0x86DD
        frame = macs + tags + struct.pack("!H", ethertype) + packet
        if cut:  # what would be read as an address is none of a neighbour that has to be asked for
            frame += bytes(self.random.choice((0, max(60 - len(frame), 0))))
        elif len(frame) < 60 and self.random.random() < 0.7:
            frame += self.random.randbytes(60 - len(frame))
        elif self.random.random() < 0.05:
            frame += self.random.randbytes(self.random.randrange(1, 40))
        return frame[:1514 + len(tags)]

    # ---- what IP carries ----

    def _size(self):
        dice = self.random.random()
        if dice < 0.5:
            return self.random.randrange(0, 64)
        if dice < 0.75:
            return self.random.randrange(64, 1240)
        return self.random.randrange(1240, 1472)

    def _transport(self, protocol):
        """With random checksums, at which no router looks. ICMP errors quote what is no IP, unlike those that a router
        makes."""
        rand = self.random
        data = rand.randbytes(self._size())
        ports = struct.pack("!HH", rand.randrange(1024, 65536), rand.randrange(1024, 65536))
        if protocol == UDP:
            length = len(data) + 8 if rand.random() < 0.9 else rand.getrandbits(16)
            return ports + struct.pack("!HH", length, rand.getrandbits(16)) + data
        if protocol == TCP:
            offset = 5 if rand.random() < 0.9 else rand.getrandbits(4)
            flags = struct.pack("!BB", offset << 4, rand.getrandbits(6))
            return ports + rand.randbytes(8) + flags + rand.randbytes(6) + data
        if protocol in (ICMP, ICMPV6):
            types = (0, 8, 3, 4, 5, 11, 12, 13, 17, 1, 9, 10, 30, 40) if protocol == ICMP else \
                (128, 129, 1, 2, 3, 4, 100, 127, 130, 137, 160, 200, 255)
            head = struct.pack("!BB", rand.choice(types), rand.randrange(3)) + rand.randbytes(6)
            return head + b"\0" * bool(data) + data[1:]
        return data

    # ---- IPv4 ----

    def _ipv4(self, number):
        rand = self.random
        kind = rand.choice(list(self._destinations4))
        destination = rand.choice(self._destinations4[kind])
        source = struct.pack("!I", _SENDERS4 + number)
        self._slow = kind in ("own", "group")
        if rand.random() < 0.06 and kind != "own":
            source = rand.choice(self._sources4)
            kind += ", another source"
        protocol = rand.choice((UDP, UDP, TCP, ICMP, ICMP, 47, 253))
        payload = self._transport(protocol)
        if rand.random() < 0.03:
            payload = payload[:rand.randrange(0, 12)]
        options = self._options()
        ttl = rand.choice((0, 1, 2, 64, 64, 64, 64, 255))
        flags = self._fragmentation(len(payload))
        tos = rand.getrandbits(8)
        length = 20 + len(options) + len(payload)
        version_ihl = 0x45 + len(options) // 4
        dice = rand.random()
        if dice < 0.02:
            length = rand.choice((length + 1 + rand.getrandbits(6), rand.randrange(0, length), rand.getrandbits(16)))
            kind += ", another length"
        elif dice < 0.03:
            version_ihl = rand.getrandbits(8)
            kind += ", another version"
        head = struct.pack("!BBHHHBBH", version_ihl, tos, length & 0xFFFF, number & 0xFFFF, flags, ttl, protocol, 0)
        head += source + destination + options
        right = internet_checksum(head)
        if rand.random() < 0.02:
            right ^= 1 << rand.randrange(16)
            kind += ", wrong checksum"
        packet = head[:10] + struct.pack("!H", right) + head[12:] + payload
        if rand.random() < 0.01 and "source" not in kind:
            packet = packet[:rand.randrange(0, 34)]
            kind += ", cut"
        return f"IPv4 {kind}", packet, 0x0800

    def _fragmentation(self, length):
        rand = self.random
        dice = rand.random()
        if dice < 0.55:
            return 0x4000
        if dice < 0.75:
            return 0
        offset = rand.choice((0, 0, rand.randrange(1, 200), (65535 - 60 - length) // 8 - rand.randrange(9)))
        return rand.choice((0, 0x2000, 0x2000, 0x4000, 0x6000, 0x8000)) | offset

    def _options(self):
        if self.random.random() > 0.08:
            return b""
        self._slow = True
        return self.random.choice((
            b"\x01\x01\x01\x00", b"\x94\x04\x00\x00", b"\x07\x07\x04\0\0\0\0\0", b"\x07\x07\x08\1\2\3\4\0",
            b"\x44\x08\x09\x00\0\0\0\0", b"\x82\x0b\0\0\0\0\0\0\0\0\0\0", b"\x99\x00\x00\x00", b"\x07\x29\x04\x00"))

    # ---- IPv6 ----

    def _ipv6(self, number):
        rand = self.random
        kind = rand.choice(list(self._destinations6))
        destination = rand.choice(self._destinations6[kind])
        source = _SENDERS6 + struct.pack("!Q", number)
        self._slow = kind in ("own", "group")
        if rand.random() < 0.06 and kind != "own":
            source = rand.choice(self._sources6)
            kind += ", another source"
        protocol = rand.choice((UDP, UDP, TCP, ICMPV6, ICMPV6, _NO_NEXT, 253))
        payload = self._transport(protocol)
        if rand.random() < 0.03:
            payload = payload[:rand.randrange(0, 6)]
        if rand.random() < 0.1:
            upper = protocol
            protocol, payload = self._extensions(protocol, payload)
            if protocol != upper:
                self._slow = True
                kind += ", extensions"
        length = len(payload)
        version = 6
        dice = rand.random()
        if dice < 0.02:
            length = rand.choice((length + 1 + rand.getrandbits(6), rand.randrange(0, length + 1), rand.getrandbits(16)))
            kind += ", another length"
        elif dice < 0.03:
            version = rand.getrandbits(4)
            kind += ", another version"
        head = struct.pack("!IHBB", version << 28 | rand.getrandbits(8) << 20 | number & 0xFFFFF, length & 0xFFFF,
                           protocol, rand.choice((0, 1, 2, 64, 64, 64, 64, 255)))
        packet = head + source + destination + payload
        if rand.random() < 0.01 and "source" not in kind:
            packet = packet[:rand.randrange(0, 60)]
            kind += ", cut"
        return f"IPv6 {kind}", packet, 0x86DD

    def _extensions(self, protocol, payload):
        rand = self.random
        pad = b"\x01\x04\0\0\0\0"
        for kind in rand.sample((_FRAGMENT, _ROUTING, _DESTINATION, _AUTHENTICATION), rand.randrange(0, 3)):
            if kind == _FRAGMENT:
                offset = rand.choice((0, 0, rand.randrange(1, 8000))) << 3 | rand.getrandbits(1)
                payload = struct.pack("!BBHI", protocol, 0, offset, rand.getrandbits(32)) + payload
            elif kind == _ROUTING:
                payload = struct.pack("!BBBBI", protocol, 2, 4, rand.randrange(2), 0) + rand.randbytes(16) + payload
            elif kind == _DESTINATION:
                payload = struct.pack("!BB", protocol, 0) + pad + payload
            else:
                payload = struct.pack("!BBHII", protocol, 4, 0, 1, 2) + rand.randbytes(12) + payload
            protocol = kind
        if rand.random() < 0.4:
            options = rand.choice((pad, b"\x05\x02\0\0\x01\0", b"\x1e\x04\0\0\0\0", b"\xde\x04\0\0\0\0",
                                   b"\x01\x09\0\0\0\0"))
            payload = struct.pack("!BB", protocol, 0) + options + payload
            protocol = _HOP_BY_HOP
        if rand.random() < 0.05:
            payload = payload[:rand.randrange(0, 10)]
        return protocol, payload
