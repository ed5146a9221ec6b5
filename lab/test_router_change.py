"""Routes, neighbours, addresses and MAC addresses change a thousand times during traffic of a thousand flows."""

import socket
import struct
import subprocess
import threading
import time

from starocean_lab import router, traffic, wait_until

FLOWS, FLIPS = 1000, 1000
MARK = b"flip"


def _frames(source_mac, router_mac):
    """One UDP frame per flow, up to the place where number and time go."""
    head = bytes.fromhex((router_mac + source_mac).replace(":", "")) + b"\x08\x00"
    for flow in range(FLOWS):
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 60, 0, 0x4000, 64, 17, 0, socket.inet_aton("10.1.0.1"),
                             socket.inet_aton(f"10.50.{flow // 250}.{flow % 250 + 1}"))
        header = header[:10] + struct.pack(">H", traffic.internet_checksum(header)) + header[12:]
        yield head + header + struct.pack(">HHHH", 1024 + flow, 9, 40, 0) + MARK


class Capture(threading.Thread):
    """Notes what arrives at a station: (number, time sent, destination MAC)."""

    def __init__(self, station):
        super().__init__(daemon=True)
        self.socket = station.namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)  # SO_RCVBUFFORCE
        self.socket.bind(("eth0", 0x800))
        self.socket.settimeout(0.2)
        self.seen, self.ended = [], False

    def run(self):
        while not self.ended:
            try:
                frame, address = self.socket.recvfrom(200)
            except socket.timeout:
                continue
            if frame[42:46] == MARK and address[2] != socket.PACKET_OUTGOING:
                self.seen.append((*struct.unpack("<Id", frame[46:58]), frame[:6]))


def _flips(space, macs, states, done):
    """Applies the changes, and notes from when on which (station, MAC) is right."""
    ip = subprocess.Popen(["ip", "-n", space.name, "-force", "-batch", "-"], stdin=subprocess.PIPE, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    now = {"via": 2, 2: macs[2][0], 3: macs[3][0]}
    for number in range(FLIPS):
        what = number % 4
        if what == 0:
            now["via"] = 5 - now["via"]
            line = f"route replace 10.50.0.0/16 via 10.{now['via']}.0.1"
        elif what in (1, 2):
            station = 2 if what == 1 else 3
            now[station] = macs[station][(number // 4 + 1) % 2]
            line = f"neigh replace 10.{station}.0.1 lladdr {now[station]} dev net{station} nud permanent"
        else:
            line = f"addr {'add' if number % 8 == 3 else 'del'} 10.77.0.1/24 dev net2"
        began = time.monotonic()
        ip.stdin.write(line + "\n")
        ip.stdin.flush()
        time.sleep(0.002)
        states.append((began, now["via"], bytes.fromhex(now[now["via"]].replace(":", ""))))
    ip.stdin.close()
    ip.wait(30)
    done.set()


def test_nothing_goes_astray(lab):
    daemon, space, (a, b, c) = router.routed(lab, 3)
    stations = {2: b, 3: c}
    macs = {n: [s.namespace.links()["eth0"]["address"], f"02:00:00:00:0{n}:99"] for n, s in stations.items()}
    for number in stations:
        space.ip("neigh", "replace", f"10.{number}.0.1", "lladdr", macs[number][0], "dev", f"net{number}", "nud", "permanent")
    space.ip("route", "add", "10.50.0.0/16", "via", "10.2.0.1")
    captures = {number: Capture(station) for number, station in stations.items()}
    for one in captures.values():
        one.start()
    sender = a.namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("eth0", 0))
    frames = list(_frames(a.namespace.links()["eth0"]["address"], space.links()["net1"]["address"]))
    wait_until(lambda: router.json_of(daemon.cli("show", "route", "10.50.0.1", "--json"))["neighbour"] == "reachable",
               "the route is live")
    before = daemon.counters()
    states, done = [(0.0, 2, bytes.fromhex(macs[2][0].replace(":", "")))], threading.Event()
    flipper = threading.Thread(target=_flips, args=(space, macs, states, done))
    flipper.start()
    sent = 0
    while not done.is_set():
        for _ in range(20):
            sender.send(frames[sent % FLOWS] + struct.pack("<Id", sent, time.monotonic()) + bytes(20))
            sent += 1
        time.sleep(0.001)
    flipper.join()
    wait_until(lambda: daemon.counters()["rx_packets"] - before["rx_packets"] >= sent, "all have been received", 30)
    daemon.assert_conserved()
    after = daemon.counters()
    grown = {key: after[key] - before[key] for key in after if key.startswith("drop_") and after[key] != before[key]}
    wait_until(lambda: sum(len(one.seen) for one in captures.values()) + sum(grown.values()) >= sent,
               "all that was forwarded has arrived", 30)
    for one in captures.values():
        one.ended = True
        one.join()

    assert sent >= FLOWS
    arrived = sorted((number, when, station, mac) for station, one in captures.items() for number, when, mac in one.seen)
    assert len({number for number, *_ in arrived}) == len(arrived), "a packet came twice"
    assert len(arrived) + sum(grown.values()) == sent, grown
    # Each by a state that was right when it was sent, or since: how long it had been wrong is how far we lag.
    lag = 0.0
    for number, when, station, mac in arrived:
        assert station in (2, 3) and mac in [bytes.fromhex(m.replace(":", "")) for m in macs[station]], number
        current = max(i for i, state in enumerate(states) if state[0] <= when)
        ahead = [state for state in states[current:current + 200] if state[1:] == (station, mac)]
        if ahead:
            continue
        last = max((i for i in range(current) if states[i][1:] == (station, mac)), default=None)
        assert last is not None, (number, station, mac.hex())
        lag = max(lag, when - states[last + 1][0])
    print(f"{sent} packets, {len(arrived)} arrived, dropped {grown}; the longest lag behind a change: {lag * 1000:.2f} ms")
    assert lag < 1.0  # a loaded machine; docs/benchmarks has the figure of a quiet one
