"""What Linux keeps, and what is left when the daemon goes; and that `explain` says what then happens."""

import json
import random
import socket
import subprocess

from starocean_lab import router, run, traffic, wait_until
from starocean_lab.daemon import binary

ETHERNET = {4: b"\x08\x00", 6: b"\x86\xdd"}


def test_a_session_to_linux_outlives_everything(lab):
    """TCP to Linux's own address on an interface that routes: through traffic, a reload, kill -9, and a new start."""
    daemon, space, (a, b) = router.routed(lab, 2, forwarding=True)
    with router.Session(space, a) as session:
        session.talks(b"before")
        b.ping(a.ipv4, count=5)
        daemon.reload()
        session.talks(b"after a reload")
        daemon.assert_conserved()
        daemon.kill()
        session.talks(b"after kill")
        # on_exit: pass. Linux forwards by itself, as it is told to.
        wait_until(lambda: a.run("ping", "-n", "-c", "1", "-W", "1", b.ipv4, check=False).returncode == 0,
                   "Linux routes alone", 20)
        daemon.start()
        session.talks(b"after a start")
        a.ping(b.ipv4, count=3)
        assert daemon.counters()["routed4"] >= 3


def _packet4(dice, number, destination, length, ttl, dont_fragment):
    payload = number.to_bytes(4, "big") + bytes(length - 32)
    udp = (5000).to_bytes(2, "big") + (dice.randrange(1024, 60000)).to_bytes(2, "big") + \
        (length - 20).to_bytes(2, "big") + b"\0\0" + payload
    header = b"\x45\0" + length.to_bytes(2, "big") + b"\0\0" + (0x4000 if dont_fragment else 0).to_bytes(2, "big") + \
        bytes([ttl, 17]) + b"\0\0" + socket.inet_aton("10.1.0.1") + socket.inet_aton(destination)
    return header[:10] + traffic.internet_checksum(header).to_bytes(2, "big") + header[12:] + udp


def _drain(captures, seen):
    for name, one in captures.items():
        while True:
            try:
                frame = one.recv(4000)
            except BlockingIOError:
                break
            if frame[12:14] == ETHERNET[4] and frame[23] == 17 and not int.from_bytes(frame[20:22], "big") & 0x1fff:
                number = int.from_bytes(frame[42:46], "big")
                seen.setdefault(number, []).append((name, frame[:6].hex(":")))


def test_explain_says_what_happens(lab):
    """10,000 random packets: each is explained, then sent; what arrived where is what was said."""
    daemon, space, (a, b, c) = router.routed(lab, 3, mtu={3: 1000})
    for route in ("via 10.2.0.1 10.50.0.0/16", "via 10.3.0.1 10.50.7.0/24", "blackhole 10.51.0.0/16",
                  "prohibit 10.52.0.0/16", "unreachable 10.53.0.0/16"):
        words = route.split()
        space.ip("route", "add", *([words[-1], *words[:-1]] if words[0] == "via" else words))
    for station in (b, c):
        station.namespace.sysctl("net.ipv4.ip_forward", 0)
        a.ping(station.ipv4)  # their addresses are known
    mac = space.links()["net1"]["address"]
    dice = random.Random(4)
    places = ["10.2.0.1", "10.3.0.1", "10.50.{}.{}", "10.50.7.{1}", "10.51.0.{1}", "10.52.0.{1}", "10.53.0.{1}",
              "10.99.{}.{}", "127.0.0.1", "224.0.0.5", "10.1.0.254", "240.0.0.{1}"]
    packets = []
    for number in range(10_000):
        place = dice.choice(places).format(dice.randrange(256), dice.randrange(1, 255))
        packets.append(_packet4(dice, number, place, dice.choice([60, 200, 1000, 1001, 1400]),
                                dice.choice([0, 1, 2, 64]), dice.random() < 0.5))
    frames = [bytes.fromhex(mac.replace(":", "")) + b"\2\0\0\0\0\1" + ETHERNET[4] + packet for packet in packets]

    told = []
    for begin in range(0, len(frames), 20):
        body = json.dumps({"in": "net1", "frames": [frame.hex() for frame in frames[begin:begin + 20]]})
        answer = run("curl", "-s", "--unix-socket", daemon.socket_path, "-H", "Content-Type: application/json",
                     "-d", "@-", "http://d/v1/explain", stdin=body)
        told += json.loads(answer.stdout)["explained"]
    assert len(told) == len(frames)

    captures, seen = {}, {}
    for name, station in (("net2", b), ("net3", c)):
        captures[name] = station.namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800))
        captures[name].setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        captures[name].bind(("eth0", 0x800))
        captures[name].setblocking(False)
    sender = a.namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("eth0", 0))
    before = daemon.counters()
    for begin in range(0, len(frames), 100):
        for frame in frames[begin:begin + 100]:
            sender.send(frame)
        _drain(captures, seen)
    local = sum(one["outcome"] == "linux" for one in told)
    wait_until(lambda: daemon.counters()["rx_packets"] - before["rx_packets"] >= len(frames) - local,
               "all packets have been received", 20)
    daemon.assert_conserved()
    _drain(captures, seen)

    for number, one in enumerate(told):
        arrived = seen.get(number, [])
        if one["outcome"] == "transmit":
            assert arrived == [(one["interface"], one["mac"])], (number, one, arrived, frames[number][:60].hex())
        else:
            assert not arrived, (number, one, arrived, frames[number][:60].hex())
    after = daemon.counters()
    for reason in {one["reason"] for one in told if one["reason"]}:
        assert after[reason] - before[reason] == sum(one["reason"] == reason for one in told), reason


def test_what_is_refused_says_so(lab):
    space = router.router_namespace(lab)
    daemon = lab.starocean(space, {"version": 1, "memory": {"frames": 4096},
                                   "interfaces": {"net1": {}}, "vrfs": {"m": {"interfaces": ["net9"]}}}, start=False)
    done = subprocess.run([binary(), "config", "check", daemon.config_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "there is no such interface" in done.stderr
