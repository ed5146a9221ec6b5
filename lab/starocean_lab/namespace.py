"""Network namespaces and the cables (veth pairs) between them."""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import threading

from . import reaper
from .shell import LabError, run, wait_until

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise LabError(f"cannot enter a network namespace: {os.strerror(code)}; labs need root")


class Namespace:
    """One network namespace: a machine of its own as far as the network is concerned."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def __str__(self):
        return self.name

    def ip(self, *args, check=True):
        """Runs `ip ARGS` on the devices of this namespace."""
        return run("ip", "-n", self.name, *args, check=check)

    def run(self, *args, check=True, timeout_s=60):
        """Runs a command inside, to its end."""
        return run("ip", "netns", "exec", self.name, *args, check=check, timeout_s=timeout_s)

    def popen(self, *args, **options):
        """Starts a command inside. `ip netns exec` becomes the command, so the process id is its own."""
        command = ["ip", "netns", "exec", self.name, *[str(arg) for arg in args]]
        return subprocess.Popen(command, **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside while the block runs. A socket stays where it was made, so
        make sockets in the block and use them after it."""
        home = os.open(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        try:
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                _setns(there)
            finally:
                os.close(there)
            try:
                yield self
            finally:
                _setns(home)
        finally:
            os.close(home)

    def open_socket(self, *args):
        """socket.socket(*args), made inside this namespace."""
        with self.entered():
            return socket.socket(*args)

    def sysctl(self, key, value):
        """Sets a per-namespace sysctl, as net.ipv4.ip_forward."""
        with self.entered(), open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def disable_ipv6(self):
        """Linux then says nothing of its own accord on the devices made here afterwards."""
        for scope in ("all", "default"):
            self.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 1)

    def wait_listening(self, port):
        """Until some process here listens on the TCP port."""
        wait_until(lambda: self.run("ss", "-Hltn", f"sport = :{port}").stdout.strip(), f"port {port} is open in {self.name}")

    def links(self):
        """What `ip -j -d link` knows, by device name."""
        shown = self.ip("-j", "-d", "link").stdout
        return {link["ifname"]: link for link in json.loads(shown or "[]") if link}

    def has_xdp(self, device):
        """Whether an XDP program, of any mode, is attached to the device."""
        link = self.links().get(device)
        return bool(link and link.get("xdp"))

    def link_up(self, *devices):
        for device in devices:
            self.ip("link", "set", device, "up")

    def link_down(self, device):
        self.ip("link", "set", device, "down")

    def delete(self):
        """Ends what runs inside and removes the namespace with its devices."""
        reaper.remove_namespace(self.name)


def cable(a, a_device, b, b_device, mtu=1500, queues=1, a_mac=None, b_mac=None):
    """Joins two namespaces by a veth pair, both ends up. `queues` is the number of receive and of
    transmit queues at both ends; veth fixes it when the pair is made."""
    def end(device, mac):
        words = ["name", device, "mtu", mtu, "numrxqueues", queues, "numtxqueues", queues]
        return words + (["address", mac] if mac else [])
    a.ip("link", "add", *end(a_device, a_mac), "type", "veth", "peer", *end(b_device, b_mac),
         "netns", b.name)
    a.link_up(a_device)
    b.link_up(b_device)
