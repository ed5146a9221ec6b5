"""Hosts on subnets of their own, and a router between them: subnet N is 10.N.0.0/24 and fd00:N::/64, host N has
address 1 there, the router 254 (::fe)."""

import json
import socket

from . import namespace
from .host import DEVICE

ROUTER = 254


class Station:
    """A host with a default route to the router."""

    def __init__(self, lab, router, number, device=None, mtu=1500, vlan=None):
        self.number = number
        self.device = DEVICE
        self.namespace = namespace.Namespace(lab.name_of(f"s{number}"))
        lab.namespaces.append(self.namespace)
        self.ipv4, self.ipv6 = f"10.{number}.0.1", f"fd00:{number:x}::1"
        self.gateway4, self.gateway6 = f"10.{number}.0.{ROUTER}", f"fd00:{number:x}::fe"
        for scope in ("all", "default"):
            self.namespace.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
        self.namespace.sysctl("net.ipv4.icmp_ratelimit", 0)  # answers to each probe
        self.namespace.sysctl("net.ipv6.icmp.ratelimit", 0)
        if router is not None:
            namespace.cable(router, device or f"net{number}", self.namespace, DEVICE, mtu=mtu)
        if vlan is None:
            self.configure(ipv6=mtu >= 1280)

    def configure(self, ipv6=True):
        self.namespace.run("ethtool", "-K", DEVICE, "txvlan", "off")
        self.ip("addr", "add", f"{self.ipv4}/24", "dev", DEVICE)
        self.ip("route", "add", "default", "via", self.gateway4)
        if not ipv6:  # RFC 8200, section 5: a link carries 1280 bytes at least
            return
        self.ip("addr", "add", f"{self.ipv6}/64", "dev", DEVICE, "nodad")
        self.ip("-6", "route", "add", "default", "via", self.gateway6)

    def ip(self, *words, check=True):
        return self.namespace.ip(*words, check=check)

    def run(self, *words, check=True, timeout_s=60):
        return self.namespace.run(*words, check=check, timeout_s=timeout_s)

    def address(self, family=socket.AF_INET):
        return self.ipv6 if family == socket.AF_INET6 else self.ipv4

    def open_socket(self, family, kind, protocol=0):
        return self.namespace.open_socket(family, kind, protocol)

    def reaches(self, address, patience_s=1):
        """Whether one ping is answered in time; for waiting until it is."""
        return self.run("ping", "-n", "-c", "1", "-W", patience_s, address, check=False).returncode == 0

    def ping(self, address, count=1, size=56, options=()):
        return self.run("ping", "-n", "-c", count, "-W", 5, "-i", "0.05", "-s", size, *options, address)


def router_namespace(lab, forwarding=False, label="router"):
    """Where the daemon runs; Linux itself forwards only if asked to, so that what passes was not its doing."""
    space = namespace.Namespace(lab.name_of(label))
    lab.namespaces.append(space)
    for scope in ("all", "default"):
        space.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
    space.sysctl("net.ipv4.ip_forward", 1 if forwarding else 0)
    space.sysctl("net.ipv6.conf.all.forwarding", 1 if forwarding else 0)
    return space


def give_addresses(space, number, device=None):
    device = device or f"net{number}"
    space.ip("addr", "add", f"10.{number}.0.{ROUTER}/24", "dev", device)
    if space.links()[device]["mtu"] >= 1280:
        space.ip("addr", "add", f"fd00:{number:x}::fe/64", "dev", device, "nodad")
    space.ip("link", "set", device, "up")


def routed(lab, count, forwarding=False, mtu=None, config=None, start=True):
    """COUNT stations, each on a subnet of its own, around one daemon that routes. Returns (daemon, router
    namespace, stations)."""
    space = router_namespace(lab, forwarding)
    stations = []
    for number in range(1, count + 1):
        stations.append(Station(lab, space, number, mtu=(mtu or {}).get(number, 1500)))
        give_addresses(space, number)
    names = [f"net{number}" for number in range(1, count + 1)]
    daemon = lab.starocean(space, {
        "version": 1, "memory": {"frames": 32768},
        "interfaces": {name: {} for name in names},
        "vrfs": {"main": {"interfaces": names}},
        **(config or {}),
    }, start=start)
    return daemon, space, stations


class Session:
    """TCP between a station and Linux's own address on the interface that routes for it."""

    def __init__(self, space, station, port=7000):
        server = space.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        server.bind((station.gateway4, port))
        server.listen()
        self._client = station.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self._client.settimeout(20)
        self._client.connect((station.gateway4, port))
        self._accepted, _ = server.accept()
        self._accepted.settimeout(20)
        server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.close()
        self._accepted.close()

    def talks(self, word):
        """A word there, and backwards back."""
        self._client.sendall(word)
        assert self._accepted.recv(100) == word
        self._accepted.sendall(word[::-1])
        assert self._client.recv(100) == word[::-1]


def json_of(done):
    return json.loads(done.stdout)
