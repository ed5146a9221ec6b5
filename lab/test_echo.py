"""`starocean echo`: answers for an address that Linux does not own, on an interface that Linux keeps."""

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading

import pytest

from starocean_lab import LabError, traffic, wait_until
from starocean_lab.daemon import binary

ADDRESS, MAC, LINUX_ADDRESS = "10.0.0.50", "02:00:00:00:05:00", "10.0.0.100"
PORT = 30088


class Echo:
    """One `starocean echo` on lan1 of the switch's namespace."""

    def __init__(self, lab, namespace, *more):
        self.namespace = namespace
        self.log_path = os.path.join(lab.directory, "echo.log")
        with open(self.log_path, "ab") as log:
            self.process = namespace.popen(
                binary(), "echo", "--interface", "lan1", "--address", ADDRESS, "--mac", MAC, "--queue", "0",
                "--listen", f"127.0.0.1:{PORT}", *more, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._serves, "starocean echo serves its counters", 20)

    def _serves(self):
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                raise LabError(f"starocean echo ended with status {self.process.returncode}: {log.read()}")
        try:
            return self.get("/stats")
        except OSError:
            return None

    def get(self, path):
        with self.namespace.entered():
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.connect()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode()
            assert answer.status == 200, f"GET {path}: {answer.status} {body}"
            return body
        finally:
            connection.close()

    def stop(self):
        self.assert_conserved()
        return self.end()

    def end(self):
        """SIGTERM, without looking at the counters first; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def assert_conserved(self):
        """Once nobody asks any more: every packet has its fate, every frame its place, and the steering
        program, the kernel's socket and the responder have counted the same packets."""
        last = []

        def balanced():
            last[:] = imbalance(json.loads(self.get("/stats")))
            return not last
        try:
            wait_until(balanced, "packets and frames of starocean echo add up", 10, every_s=0.1)
        except LabError as error:
            raise AssertionError("\n".join([str(error), *last])) from error


def imbalance(stats):
    """What does not add up in /stats, a sentence each."""
    frames, queue, own = stats["frames"], stats["queue_counters"], stats["counters"]
    answered = own["answered_neighbour"] + own["answered_ping"]
    drops = sum(value for name, value in own.items() if name.startswith("drop_"))
    equal = {
        "frames have a place": (frames["total"], frames["free"] + frames["in_rx"] + frames["in_tx"]),
        "frames came back from transmission": (frames["in_tx"], 0),
        "packets have a fate": (own["rx_packets"], answered + own["punted"] + drops),
        "what the socket received was looked at": (queue["Received"], own["rx_packets"]),
        "answers were transmitted": (queue["Transmitted"], answered),
        "transmissions completed": (queue["Completed"], queue["Transmitted"]),
        "what was claimed arrived, or was dropped by name": (
            stats["steering"]["redirected"],
            queue["Received"] + queue["[K]RxDropped"] + queue["[K]RxRingFull"]),
        "the kernel refused nothing": (queue["[K]RxInvalidDescs"] + queue["[K]TxInvalidDescs"], 0),
    }
    return [f"{what}: {left} is not {right}" for what, (left, right) in equal.items() if left != right]


def samples_of(text):
    """{name with labels: value} of a Prometheus page, each line of which must have the format."""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r'[a-zA-Z_:][\w:]*(\{(\w+="[^"]*",?)*\})? -?[\d.e+-]+', line), line
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


class Conversation:
    """A TCP connection on which a host asks and Linux behind lan1 answers, round after round."""

    def __init__(self, host, namespace):
        self.rounds, self.failure = 0, None
        listener = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind((LINUX_ADDRESS, 0))
        listener.listen(1)
        self._client = host.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self._client.settimeout(20)
        self._client.connect(listener.getsockname())
        self._server, _ = listener.accept()
        listener.close()
        self._server.settimeout(20)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self):
        try:
            while not self._stop.is_set():
                data = os.urandom(1000)
                self._client.sendall(data)
                self._server.sendall(self._server.recv(1000, socket.MSG_WAITALL)[::-1])
                if self._client.recv(1000, socket.MSG_WAITALL) != data[::-1]:
                    raise OSError("the answer differs from what was sent")
                self.rounds += 1
        except OSError as error:
            self.failure = error

    def goes_on(self):
        """Whether rounds are still being made, on the same connection."""
        before = self.rounds
        wait_until(lambda: self.failure or self.rounds > before + 3, "the TCP connection makes rounds", 20)
        return self.failure is None

    def close(self):
        self._stop.set()
        self._thread.join(25)
        self._client.close()
        self._server.close()


@pytest.fixture
def scene(lab):
    """(host, switch namespace, echo): Linux and starocean share lan1."""
    switch = lab.switch()
    host = lab.host(1, switch)
    switch.ip("addr", "add", f"{LINUX_ADDRESS}/24", "dev", "lan1")
    echo = Echo(lab, switch)
    yield host, switch, echo
    if echo.process.poll() is None:
        assert echo.stop() == 0
        wait_until(lambda: not switch.has_xdp("lan1"), "lan1 has no XDP program", 5)


def test_every_size_is_answered_while_linux_goes_on(scene):
    host, switch, echo = scene
    host.ping(LINUX_ADDRESS)
    with contextlib.closing(Conversation(host, switch)) as conversation:
        assert traffic.ping_every_size(host, ADDRESS, range(1473)) == 1473
        assert conversation.goes_on(), conversation.failure
        host.ping(ADDRESS, count=20)
        host.ping(LINUX_ADDRESS, count=20)
        assert echo.stop() == 0
        assert conversation.goes_on(), conversation.failure
    assert not host.reaches(ADDRESS)


def test_killed_echo_leaves_linux_its_interface(scene):
    host, switch, echo = scene
    host.ping(ADDRESS)
    with contextlib.closing(Conversation(host, switch)) as conversation:
        echo.process.kill()
        echo.process.wait()
        wait_until(lambda: not switch.has_xdp("lan1"), "the XDP program is gone within a second", 1)
        assert conversation.goes_on(), conversation.failure


def test_arping(scene):
    host, _, _ = scene
    said = host.namespace.run("arping", "-c", "3", "-w", "10", "-I", host.device, ADDRESS, check=False)
    assert said.returncode == 0, said.stdout
    assert re.search(r"Received 3 response", said.stdout), said.stdout
    assert MAC.upper() in said.stdout
    host.ping(ADDRESS)
    neighbour = json.loads(host.namespace.ip("-j", "neigh", "show", ADDRESS).stdout)[0]
    assert neighbour["lladdr"] == MAC


def test_linux_keeps_its_own_arp(scene):
    """ARP for Linux's address is Linux's to answer, with the device's own MAC."""
    host, switch, _ = scene
    said = host.namespace.run("arping", "-c", "2", "-w", "10", "-I", host.device, LINUX_ADDRESS).stdout
    assert switch.links()["lan1"]["address"].upper() in said and MAC.upper() not in said


def test_a_wrong_checksum_gets_no_answer(scene):
    host, _, _ = scene
    host.ping(ADDRESS)
    raw = host.open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    answered = []
    with raw:
        for sequence, spoil in enumerate([0x0001, 0x8000, 0xFFFF, 0x00FF, 0], 1):
            payload = b"is the checksum looked at?"
            head = struct.pack("!BBHHH", 8, 0, 0, 4711, sequence)
            checksum = traffic.internet_checksum(head + payload) ^ spoil
            raw.sendto(struct.pack("!BBHHH", 8, 0, checksum, 4711, sequence) + payload, (ADDRESS, 0))
        while not answered or answered[-1] != 5:
            assert select.select([raw], [], [], 10)[0], "the request with the right checksum had no answer"
            kind, _, _, ident, sequence = struct.unpack("!BBHHH", raw.recv(2048)[20:28])
            if kind == 0 and ident == 4711:
                answered.append(sequence)
    assert answered == [5]


def test_counters_over_http(scene):
    """JSON and Prometheus text tell the same, and as many as were pinged."""
    host, _, echo = scene
    host.ping(ADDRESS, count=50)
    echo.assert_conserved()

    def readings():
        """All pages, of a moment at which no frame of Linux's own passes by; else nothing."""
        before = json.loads(echo.get("/stats"))
        metrics = echo.get("/metrics")
        return (before, samples_of(metrics)) if json.loads(echo.get("/v1/stats")) == before else None
    stats, samples = wait_until(readings, "two pages with the same counters, one after the other")
    assert stats["schema_version"] == 1
    assert stats["counters"]["answered_ping"] == 50
    labels = '{interface="lan1",queue="0"}'
    for name, value in stats["counters"].items():
        assert samples[f"starocean_echo_{name}_total{labels}"] == value
    for name in ("Filled", "Completed", "Received", "Transmitted"):
        assert samples[f"starocean_queue_{name.lower()}_total{labels}"] == stats["queue_counters"][name]
    assert samples["starocean_frames_configured"] == stats["frames"]["total"]
    for place in ("free", "in_rx", "in_tx"):
        assert samples[f'starocean_frames{{place="{place}"}}'] == stats["frames"][place]


def test_ends_at_once_under_a_flood(scene):
    """Packets that never stop coming do not keep it from looking at the signal."""
    host, switch, echo = scene
    host.ping(ADDRESS)
    flood = [host.namespace.popen("ping", "-f", "-q", "-l", "1000", ADDRESS, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
    try:
        before = json.loads(echo.get("/stats"))["counters"]["answered_ping"]
        wait_until(lambda: json.loads(echo.get("/stats"))["counters"]["answered_ping"] > before + 10_000,
                   "the flood is answered", 20)
        assert echo.end() == 0
        wait_until(lambda: not switch.has_xdp("lan1"), "lan1 has no XDP program", 5)
    finally:
        for ping in flood:
            ping.kill()
            ping.wait()
