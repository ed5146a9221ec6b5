"""Two routers with the same addresses, MACs, routes and neighbours, seen from all their cables at once."""

import struct

from . import namespace, router
from .wire import Wire

MAC = {device: f"02:00:00:00:0{number}:fe" for number, device in enumerate(("in0", "out1", "out2", "out3"), 1)}
MTU = {"out2": 1300}  # the others 1500
VLAN_IN, VLAN_OUT = 10, 20
VLANS = {"in0.10": VLAN_IN, "out3.20": VLAN_OUT}
NETWORKS = {"in0": 1, "in0.10": 10, "out1": 2, "out2": 3, "out3.20": 4}

ROUTES = (
    "100.64.0.0/10 via 10.1.0.1", "fd64::/64 via fd00:1::1",
    "198.18.1.0/24 via 10.2.0.1", "fd99:1::/48 via fd00:2::1",
    "198.18.1.128/25 via 10.3.0.1", "fd99:1:0:8000::/49 via fd00:3::1",
    "198.18.2.0/24 via 10.3.0.2", "fd99:2::/48 via fd00:3::2",
    "198.18.2.77/32 via 10.2.0.2", "fd99:2::77/128 via fd00:2::2",
    "198.18.3.0/24 via 10.4.0.1", "fd99:3::/48 via fd00:4::1",
    "fd99:5::/48 via fe80::1 dev out1",
    "198.18.9.0/24 via 10.1.0.2", "fd99:9::/48 via fd00:1::2",
    "blackhole 198.18.10.0/24", "blackhole fd99:10::/48",
    "unreachable 198.18.11.0/24", "unreachable fd99:11::/48",
    "prohibit 198.18.12.0/24", "prohibit fd99:12::/48",
    "throw 198.18.13.0/24", "throw fd99:13::/48",
    "192.168.0.0/16 via 10.2.0.1", "fd77::/48 via fd00:2::1",  # senders that are elsewhere
)


class Side:
    """One router and the tester around it. What is a VLAN of a cable for ours (whose Linux devices are TAPs) is a cable
    of its own for Linux's, by the same name; the tester takes tags off and puts them on there. So this needs no VLAN
    devices, which not every kernel has."""

    def __init__(self, lab, label, start=None):
        """`start`: starts the daemon that is to route, on the bare cables."""
        self.router = router.router_namespace(lab, forwarding=True, label=label)
        self.tester = namespace.Namespace(lab.name_of(f"{label}t"))
        lab.namespaces.append(self.tester)
        self.tester.disable_ipv6()
        self._quieten()
        self.vlans = {} if start else VLANS
        for device in [*MAC, *self.vlans]:
            namespace.cable(self.router, device, self.tester, device, a_mac=MAC[device.split(".", maxsplit=1)[0]])
            self.tester.ip("link", "set", device, "arp", "off")
        self.daemon = start(self) if start else None
        self._configure()
        self._without_offloads()
        self.wires = {device: Wire(self.tester, device) for device in [*MAC, *self.vlans]}

    def send(self, frame):
        """On the cable of the ingress; False if it is too long for it."""
        if "in0.10" in self.vlans and frame[12:14] == b"\x81\x00" and tag_of(frame) & 0xFFF == VLAN_IN:
            return self.wires["in0.10"].offer(frame[:12] + frame[16:])
        return self.wires["in0"].offer(frame)

    def frames(self, timeout_s):
        """Yields (cable, frame) of what has come out."""
        for device, wire in self.wires.items():
            for frame in wire.frames(timeout_s):
                if device in self.vlans:
                    frame = frame[:12] + struct.pack("!HH", 0x8100, self.vlans[device]) + frame[12:]
                yield device.split(".", maxsplit=1)[0], frame

    def _quieten(self):
        space = self.router
        for key, value in (("net.ipv4.icmp_ratelimit", 0), ("net.ipv4.icmp_ratemask", 0),
                           ("net.ipv4.icmp_msgs_per_sec", 1000000), ("net.ipv4.icmp_msgs_burst", 1000000),
                           ("net.ipv6.icmp.ratelimit", 0), ("net.ipv4.icmp_errors_use_inbound_ifaddr", 1),
                           ("net.ipv4.ipfrag_time", 600), ("net.ipv6.ip6frag_time", 600)):
            space.sysctl(key, value)
        for scope in ("all", "default"):
            for key in ("rp_filter", "send_redirects", "accept_redirects"):
                space.sysctl(f"net.ipv4.conf.{scope}.{key}", 0)
            space.sysctl(f"net.ipv6.conf.{scope}.accept_ra", 0)
            space.sysctl(f"net.ipv6.conf.{scope}.accept_redirects", 0)
            space.sysctl(f"net.ipv6.conf.{scope}.router_solicitations", 0)

    def _configure(self):
        ip = self.router.ip
        ip("addr", "add", "192.0.2.1/32", "dev", "lo")
        ip("addr", "add", "2001:db8::1/128", "dev", "lo")
        for device, number in NETWORKS.items():
            router.give_addresses(self.router, number, device)
            if device in MTU:
                ip("link", "set", device, "mtu", MTU[device])
            for host in range(1, 9):
                mac = f"02:00:00:01:{number:02x}:{host:02x}"
                for address in (f"10.{number}.0.{host}", f"fd00:{number:x}::{host}"):
                    ip("neigh", "replace", address, "lladdr", mac, "nud", "permanent", "dev", device)
        ip("neigh", "replace", "10.2.0.0", "lladdr", "02:00:00:01:02:00", "nud", "permanent", "dev", "out1")
        for device, number in NETWORKS.items():
            for host in ("1", "77"):
                ip("neigh", "replace", f"fe80::{host}", "lladdr", f"02:00:00:02:{number:02x}:{host:0>2}",
                   "nud", "permanent", "dev", device)
        for words in ROUTES:
            ip(*(("-6",) if "::" in words else ()), "route", "add", *words.split())

    def _without_offloads(self):
        """Once XDP is there, which changes what veth does by itself."""
        for device in [*MAC, *self.vlans]:
            for space in (self.router, self.tester):
                for what in ("gro", "gso", "tso", "tx", "rx", "txvlan", "rxvlan"):
                    space.run("ethtool", "-K", device, what, "off", check=False)

    def close(self):
        for wire in self.wires.values():
            wire.close()


def tag_of(frame):
    return struct.unpack_from("!H", frame, 14)[0]


class Output:
    """A frame that a router put on a cable, and the input that it answers or is."""

    __slots__ = ("device", "link", "packet", "number", "about")

    def __init__(self, device, frame, senders4, senders6):
        self.device = device
        offset = 12
        while frame[offset:offset + 2] in (b"\x81\x00", b"\x88\xa8"):
            offset += 4
        self.link = frame[:offset + 2]
        self.packet = frame[offset + 2:]
        self.number, self.about = None, None
        ethertype = self.link[-2:]
        if ethertype == b"\x08\x00" and len(self.packet) >= 20:
            self._read4(senders4)
        elif ethertype == b"\x86\xdd" and len(self.packet) >= 40:
            self._read6(senders6)

    def _read4(self, senders):
        packet = self.packet = self.packet[:struct.unpack_from("!H", self.packet, 2)[0]]
        header = (packet[0] & 15) * 4
        is_error = packet[9] == 1 and len(packet) >= header + 28 and packet[header] in (3, 11, 12)
        if is_error and packet[header + 8] >> 4 == 4:
            self.about = packet[header:]
        self.number = number4(packet, senders)
        if self.number is None and self.about is not None:
            self.number = number4(self.about[8:], senders)
        if self.number is None:
            quoted = packet if self.about is None else self.about[8:]
            self.number = -1 - struct.unpack_from("!H", quoted, 4)[0]

    def _read6(self, senders):
        packet = self.packet = self.packet[:40 + struct.unpack_from("!H", self.packet, 4)[0]]
        if packet[24] == 0xFF:  # what Linux says of its own accord
            return
        if packet[6] == 58 and len(packet) >= 88 and packet[40] in (1, 2, 3, 4) and packet[48] >> 4 == 6:
            self.about = packet[40:]
        self.number = number6(packet, senders)
        if self.number is None and self.about is not None:
            self.number = number6(self.about[8:], senders)
        if self.number is None:
            quoted = packet if self.about is None else self.about[8:]
            self.number = -1 - (struct.unpack_from("!I", quoted)[0] & 0xFFFFF)


def number4(packet, senders):
    """By the source, or, in an answer, by the destination."""
    for address in struct.unpack_from("!II", packet, 12):
        if senders[0] <= address < senders[1]:
            return address - senders[0]
    return None


def number6(packet, senders):
    for at in (8, 24):
        if packet[at:at + 8] == senders:
            return struct.unpack_from("!Q", packet, at + 8)[0]
    return None


def masked(output):
    """What must be equal in what a router says itself: neither IPv4's identification, and so the checksum, nor IPv6's
    flow label."""
    packet = output.packet
    if output.link[-2:] == b"\x08\x00":
        return (output.device, output.link, packet[:4] + packet[6:10] + packet[12:])
    return (output.device, output.link, packet[:1] + packet[4:])


def whole(outputs):
    """IPv4 fragments of one packet on one cable, put together again; other outputs as they are."""
    pieces, others = {}, []
    for output in outputs:
        packet = output.packet
        is_ipv4 = output.link[-2:] == b"\x08\x00" and len(packet) >= 20
        if is_ipv4 and struct.unpack_from("!H", packet, 6)[0] & 0x3FFF:
            key = (output.device, output.link, packet[:2], packet[4:6], packet[8:10], packet[12:(packet[0] & 15) * 4])
            pieces.setdefault(key, []).append(packet)
        else:
            others.append((output.device, output.link, packet))
    for (device, link, *_), packets in pieces.items():
        packets.sort(key=lambda packet: struct.unpack_from("!H", packet, 6)[0] & 0x1FFF)
        others.append((device, link, *join(packets)))
    return sorted(others)


def join(packets):
    """Header without lengths and checksum, where it begins and whether more is to come, and the payload; None where
    there is a hole."""
    header = (packets[0][0] & 15) * 4
    begin = (struct.unpack_from("!H", packets[0], 6)[0] & 0x1FFF) * 8
    payload = b""
    for packet in packets:
        if (struct.unpack_from("!H", packet, 6)[0] & 0x1FFF) * 8 != begin + len(payload):
            return (b"a hole", 0, payload)
        payload += packet[(packet[0] & 15) * 4:]
    last = struct.unpack_from("!H", packets[-1], 6)[0]
    first = packets[0]
    return (first[:2] + first[4:6] + first[8:10] + first[12:header], (begin, last & 0xE000), payload)
