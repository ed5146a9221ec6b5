"""A Linux host with one network card, in a namespace of its own."""

import json
import socket
import subprocess

from .namespace import Namespace
from .shell import LabError, wait_until
from .wire import Wire

DEVICE = "eth0"


class Host:
    """Addresses follow from the number: 10.0.0.N, fd00::N and 02:00:00:00:00:N."""

    def __init__(self, name, number, ipv6=True):
        self.namespace = Namespace(name)
        self.number = number
        self.device = DEVICE
        self.ipv4 = f"10.0.0.{number}"
        self.ipv6 = f"fd00::{number:x}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        # Addresses are usable at once: duplicate detection would delay the first packets.
        for scope in ("all", "default"):
            self.namespace.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
        if not ipv6:
            self.namespace.disable_ipv6()
        self._wants_ipv6 = ipv6

    def __str__(self):
        return self.namespace.name

    def configure(self, offloads=True):
        """Gives the card its addresses. Without `offloads`, Linux hands out only finished packets no
        longer than the MTU; with them, unfinished checksums and, to a peer that takes them,
        super-packets. Tags always stay in the frame, where native XDP sees them."""
        self.namespace.ip("addr", "add", f"{self.ipv4}/24", "dev", DEVICE)
        if self._wants_ipv6:
            self.namespace.ip("addr", "add", f"{self.ipv6}/64", "dev", DEVICE, "nodad")
        features = ["txvlan", "off"]
        if not offloads:
            for feature in ("tx", "tso", "gso", "gro"):
                features += [feature, "off"]
        self.namespace.run("ethtool", "-K", DEVICE, *features)

    def address(self, family=socket.AF_INET):
        return self.ipv6 if family == socket.AF_INET6 else self.ipv4

    def open_socket(self, family, kind, protocol=0):
        return self.namespace.open_socket(family, kind, protocol)

    def wire(self, *args):
        """The card opened for raw frames."""
        return Wire(self.namespace, DEVICE, *args)

    def ping(self, address, count=3, size=56, options=()):
        """Pings `count` times; every echo must be answered. One `ping` each: of several, ping waits for
        the last no longer than two round trips, which on a busy machine calls late lost."""
        for number in range(1, count + 1):
            done = self._ping(address, size, 10, options)
            if done.returncode != 0:
                said = done.stderr.strip() or "no answer within 10 s"
                raise LabError(f"{self} pinged {address} with {size} bytes, time {number} of {count}: {said}")

    def reaches(self, address, patience_s=1):
        """Whether one ping is answered in time; for waiting until it is."""
        return self._ping(address, 56, patience_s).returncode == 0

    def _ping(self, address, size, patience_s, options=()):
        return self.namespace.run("ping", "-n", "-c", "1", "-W", patience_s, "-s", size, *options, address,
                                  check=False)

    def iperf3(self, server, seconds=2, reverse=False, family=socket.AF_INET):
        """TCP to (or, reversed, from) an iperf3 server on the other host; bits per second received."""
        address = server.address(family)
        daemon = server.namespace.popen("iperf3", "-s", "-1", "-B", address, "-p", "5201",
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server.wait_listening(5201)
            words = ["-R"] if reverse else []
            done = self.namespace.run("iperf3", "-c", address, "-p", "5201", "-t", seconds, "-J", *words,
                                      check=False, timeout_s=seconds + 30)
            try:
                result = json.loads(done.stdout)
            except ValueError as error:
                raise LabError(f"iperf3 on {self} said: {done.stderr or done.stdout}") from error
            if "error" in result:
                raise LabError(f"iperf3 from {self} to {address}: {result['error']}")
            return result["end"]["sum_received"]["bits_per_second"]
        finally:
            daemon.kill()
            daemon.wait()

    def wait_listening(self, port):
        """Until some process on this host listens on the TCP port."""
        self.namespace.wait_listening(port)
