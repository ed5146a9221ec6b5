"""What a hostile neighbour sends to a router: it is counted, and traffic between the others goes on."""

import contextlib
import signal
import socket
import struct

from starocean_lab import pcap, router, traffic, wait_until
from starocean_lab.daemon import binary
from starocean_lab.wire import TEST_ETHERTYPE, Wire, frame, mac_bytes

PINGS = 20


@contextlib.contextmanager
def flood(station, frames, directory):
    """Frames over and over, as fast as the station's device takes them."""
    capture = directory / "flood.pcap"
    pcap.write(capture, [(number * 1000, data) for number, data in enumerate(frames)])
    sender = station.namespace.popen(binary(), "gen", "send", "--interface", station.device, "--pcap", capture, "--loop", "0",
                                     "--pace", "rate", "--rate", "flood", "--duration", "30s")
    try:
        yield
        assert sender.poll() is None, "the flood ended too early"
    finally:
        sender.send_signal(signal.SIGINT)
        sender.wait(20)


def udp4(router_mac, source, destination, ttl=64, size=60):
    length = size - 14
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, ttl, 17, 0, socket.inet_aton(source),
                         socket.inet_aton(destination))
    header = header[:10] + struct.pack(">H", traffic.internet_checksum(header)) + header[12:]
    packet = header + struct.pack(">HHHH", 9, 9, length - 20, 0)
    return frame(router_mac, "02:00:00:00:66:01", packet, ethertype=0x0800, size=size)


def goes_on(b, c):
    """Every ping between two others is answered."""
    b.ping(c.ipv4, count=PINGS)
    c.ping(b.ipv6, count=PINGS)


def test_expired_packets_at_full_rate(lab, tmp_path):
    daemon, space, (a, b, c) = router.routed(lab, 3, config={"icmp_rate": 100})
    mac = space.links()["net1"]["address"]
    with flood(a, [udp4(mac, "10.1.0.1", "10.2.0.1", ttl=1)], tmp_path):
        wait_until(lambda: daemon.counters("net1")["drop_ttl"] > 10_000, "packets expire", 20)
        goes_on(b, c)
    counters = daemon.counters("net1")
    # Each is answered or not, by the limiter's word.
    assert counters["icmp_errors"] + counters["icmp_suppressed"] == counters["drop_ttl"] > 10_000
    assert counters["icmp_errors"] < counters["icmp_suppressed"]
    daemon.assert_conserved()


def test_a_scan_of_a_large_subnet(lab, tmp_path):
    """Each packet is to another neighbour that does not exist: those that do are not forgotten, what waits is
    bounded."""
    daemon, space, (a, b, c) = router.routed(lab, 3)
    space.ip("addr", "add", "10.200.0.1/16", "dev", "net2")
    goes_on(b, c)
    mac = space.links()["net1"]["address"]
    scan = [udp4(mac, "10.1.0.1", f"10.200.{number >> 8}.{number & 255}") for number in range(2, 20_000, 7)]
    with flood(a, scan, tmp_path):
        wait_until(lambda: daemon.counters("net1")["drop_neighbour_full"] > 10_000, "more wait than may", 30)
        goes_on(b, c)
    assert daemon.counters("net1")["neighbour_waits"] > 0
    daemon.assert_conserved()


def test_routes_flap_by_the_thousand(lab, tmp_path):
    """20,000 routes come and go ten times during traffic over others; in the end Linux and the daemon agree."""
    daemon, space, (_, b, c) = router.routed(lab, 3)
    add, remove = tmp_path / "add", tmp_path / "remove"
    prefixes = [f"172.{16 + number // 65536}.{number // 256 % 256}.{number % 256}/32" for number in range(20_000)]
    add.write_text("".join(f"route add {prefix} via 10.1.0.1\n" for prefix in prefixes), encoding="ascii")
    remove.write_text("".join(f"route del {prefix}\n" for prefix in prefixes), encoding="ascii")
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do ip -batch \"$0\" && ip -batch \"$1\" || exit 1; done; ip -batch \"$0\""
    flapping = space.popen("sh", "-c", script, add, remove)
    try:
        while flapping.poll() is None:
            goes_on(b, c)
    finally:
        assert flapping.wait(120) == 0

    def followed():
        shown = {route["prefix"] for route in daemon.show("routes")["routes"] if route["prefix"].startswith("172.")}
        return shown == set(prefixes)
    wait_until(followed, "all routes are followed", 30)
    goes_on(b, c)
    daemon.assert_conserved()


def test_forged_neighbours(lab):
    """Answers that nobody asked for, with the addresses of others on other links: nobody is led astray."""
    daemon, space, (a, b, c) = router.routed(lab, 3)
    goes_on(b, c)
    mac = space.links()["net1"]["address"]
    thief = "02:00:00:00:66:06"
    with Wire(a.namespace, a.device, TEST_ETHERTYPE) as wire:
        for station in (b, c):
            arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + mac_bytes(thief) + socket.inet_aton(station.ipv4) + \
                mac_bytes(mac) + socket.inet_aton("10.1.0.254")
            target = socket.inet_pton(socket.AF_INET6, station.ipv6)
            everybody = socket.inet_pton(socket.AF_INET6, "ff02::1")
            body = struct.pack(">BBHI", 136, 0, 0, 0x20000000) + target + b"\x02\x01" + mac_bytes(thief)
            pseudo = target + everybody + struct.pack(">II", len(body), 58)
            checksum = traffic.internet_checksum(pseudo + body)
            body = body[:2] + struct.pack(">H", checksum) + body[4:]
            advertisement = struct.pack(">IHBB", 0x60000000, len(body), 58, 255) + target + everybody + body
            for _ in range(50):
                wire.send(frame(mac, thief, arp, ethertype=0x0806, size=60))
                wire.send(frame("33:33:00:00:00:01", thief, advertisement, ethertype=0x86DD))
    goes_on(b, c)
    known = {one["address"]: one["mac"] for one in daemon.show("neighbours")["neighbours"] if one["interface"] != "net1"}
    for station in (b, c):
        assert known[station.ipv4] == station.namespace.links()["eth0"]["address"]
    assert thief not in known.values()
    daemon.assert_conserved()
