"""Three stations around one daemon that routes, a full table for Linux, and frames that carry when they were sent."""

import os
import random
import socket
import struct
import time

from starocean_lab import LabError, router, traffic

MARK = b"ROUT"
HEADER_BYTES = 42
GATEWAYS = 16
SOURCE, NEW, OLD = 1, 2, 3  # station numbers: frames leave 1, and follow the new route to 2, the old one to 3
_SO_RCVBUFFORCE = 33
# Shares of prefix lengths, about as in the global table (bgp.potaroo.net): six in ten are /24.
LENGTHS = {16: 2, 17: 1, 18: 2, 19: 4, 20: 6, 21: 2, 22: 11, 23: 10, 24: 62}


def prefixes(count, seed=1):
    """[(address, length)], all different, in 11/8 to 197/8: clear of the stations' and the markers' networks."""
    dice = random.Random(seed)
    lengths, weights = list(LENGTHS), list(LENGTHS.values())
    found = {}
    while len(found) < count:
        for length in dice.choices(lengths, weights, k=count - len(found)):
            first = dice.randrange(11, 198)
            if first not in (127, 169, 172, 192):
                found[(first << 24 | dice.getrandbits(24)) >> (32 - length) << (32 - length), length] = None
    return list(found)


def address_text(number):
    return socket.inet_ntoa(struct.pack("!I", number))


def write_batch(path, routes):
    """For `ip -batch`: the routes go by 16 gateways on station 2's network."""
    with open(path, "w", encoding="ascii") as file:
        for number, (address, length) in enumerate(routes):
            file.write(f"route add {address_text(address)}/{length} via 10.{NEW}.0.{number % GATEWAYS + 1} dev net{NEW}\n")


def check_routes(daemon, routes, samples=100):
    """Of some routes, and of the last: an address in each goes by the longest of all that hold it."""
    known = set(routes)
    for address, length in [*random.Random(2).sample(routes, samples), routes[-1]]:
        address |= (1 << (32 - length)) - 1
        longest = max(one for one in LENGTHS if (address >> (32 - one) << (32 - one), one) in known)
        want = f"{address_text(address >> (32 - longest) << (32 - longest))}/{longest}"
        found = daemon.show("route", address_text(address))
        if (found["prefix"], found["interface"]) != (want, f"net{NEW}"):
            raise LabError(f"{address_text(address)} must go by {want} to net{NEW}, but does by {found}")


def build(lab, start=False):
    """(daemon, router namespace, {number: station}); every gateway's neighbour is known for good."""
    cpu = max(os.sched_getaffinity(0))
    daemon, space, stations = router.routed(lab, 3, start=start,
                                            config={"icmp_rate": 1, "workers": {"cpus": [cpu], "poll": "adaptive"}})
    stations = dict(enumerate(stations, start=1))
    for number, station in stations.items():
        mac = station.namespace.links()["eth0"]["address"]
        for gateway in range(1, GATEWAYS + 1):
            space.ip("neigh", "replace", f"10.{number}.0.{gateway}", "lladdr", mac, "dev", f"net{number}", "nud", "permanent")
    return daemon, space, stations


class Probes:
    """Sends frames to addresses and notes where and in which state they arrive; one thread does both."""

    def __init__(self, space, stations):
        mac = space.links()[f"net{SOURCE}"]["address"], stations[SOURCE].namespace.links()["eth0"]["address"]
        self._ethernet = bytes.fromhex("".join(mac).replace(":", "")) + b"\x08\x00"
        self._out = stations[SOURCE].namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._out.bind(("eth0", 0))
        self._in = {}
        for number in (NEW, OLD):
            one = stations[number].namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800))
            one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
            one.bind(("eth0", 0x800))
            one.setblocking(False)
            self._in[number] = one
        self._heads = {}
        self.sent = self.arrived = 0

    def close(self):
        for one in (self._out, *self._in.values()):
            one.close()

    def _head(self, address):
        if address not in self._heads:
            head = struct.pack("!BBHHHBBH4sI", 0x45, 0, 60, 0, 0x4000, 64, 17, 0, socket.inet_aton(f"10.{SOURCE}.0.1"), address)
            head = head[:10] + struct.pack("!H", traffic.internet_checksum(head)) + head[12:]
            self._heads[address] = self._ethernet + head + struct.pack("!HHHH", 1024, 9, 40, 0) + MARK
        return self._heads[address]

    def send(self, key, address):
        self._out.send(self._head(address) + struct.pack("<Id", key, time.monotonic()) + bytes(20))
        self.sent += 1

    def receive(self):
        """[(station, key, time sent)] of what has arrived by now."""
        found = []
        for station, one in self._in.items():
            while True:
                try:
                    frame, where = one.recvfrom(128)
                except BlockingIOError:
                    break
                if frame[HEADER_BYTES:HEADER_BYTES + 4] == MARK and where[2] != socket.PACKET_OUTGOING:
                    found.append((station, *struct.unpack_from("<Id", frame, HEADER_BYTES + 4)))
        self.arrived += len(found)
        return found


class RouteChanger:
    """Adds or replaces a route in Linux by one system call (rtnetlink(7)), which returns when Linux has it."""

    _NEWROUTE, _REQUEST_ACK_CREATE_REPLACE = 24, 0x001 | 0x004 | 0x400 | 0x100
    _DST, _OIF, _GATEWAY = 1, 4, 5

    def __init__(self, space):
        self._socket = space.open_socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._socket.bind((0, 0))
        self._socket.settimeout(30)
        self._ifindex = {number: space.links()[f"net{number}"]["ifindex"] for number in (NEW, OLD)}
        self._sequence = 0

    def close(self):
        self._socket.close()

    def replace(self, address, length, station):
        """The time before the call."""
        self._sequence += 1
        body = struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, 254, 4, 0, 1, 0)  # main, static, universe, unicast
        body += struct.pack("=HH", 8, self._DST) + struct.pack("!I", address)
        body += struct.pack("=HH", 8, self._GATEWAY) + socket.inet_aton(f"10.{station}.0.1")
        body += struct.pack("=HHI", 8, self._OIF, self._ifindex[station])
        request = struct.pack("=IHHII", 16 + len(body), self._NEWROUTE, self._REQUEST_ACK_CREATE_REPLACE, self._sequence, 0) + body
        began = time.monotonic()
        self._socket.send(request)
        answer = self._socket.recv(4096)
        error, = struct.unpack_from("=i", answer, 16)
        if error:
            raise LabError(f"Linux does not take the route {address_text(address)}/{length}: {os.strerror(-error)}")
        return began
