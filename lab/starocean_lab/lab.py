"""A lab: namespaces, cables, hosts and daemons that exist for the length of a `with` block."""

import atexit
import fcntl
import itertools
import os
import shutil
import tempfile

from . import machine, namespace, reaper
from .daemon import Starocean
from .host import DEVICE, Host
from .shell import LabError, wait_until

HUGE_PAGE_LOCK = "/run/lock/starocean-lab-huge-pages"

_reaper = None
_numbers = itertools.count(1)


def _reaper_process():
    global _reaper  # pylint: disable=global-statement
    if _reaper is None:
        _reaper = reaper.start()

        def end():
            _reaper.stdin.close()
            _reaper.wait()
        atexit.register(end)
    return _reaper


def undo_at_end(line):
    """Registers something to undo when this process ends, however it ends; see reaper.py."""
    child = _reaper_process()
    child.stdin.write(line + "\n")
    child.stdin.flush()


class Lab:
    """Everything made through a lab is removed by close(), or by the reaper if nobody calls it."""

    def __init__(self):
        _reaper_process()
        self.number = next(_numbers)
        self.directory = tempfile.mkdtemp(prefix=f"{reaper.PREFIX}{os.getpid()}-")
        undo_at_end(f"remove {self.directory}")
        self.namespaces = []
        self.daemons = []
        self._restore = []
        self._huge_page_lock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for daemon in self.daemons:
            daemon.kill()
        for space in self.namespaces:
            space.delete()
        for undo in self._restore:
            undo()
        if self._huge_page_lock is not None:
            self._huge_page_lock.close()  # and releases it
            self._huge_page_lock = None
        shutil.rmtree(self.directory, ignore_errors=True)
        self.daemons, self.namespaces, self._restore = [], [], []

    def name_of(self, label):
        return f"{reaper.PREFIX}{os.getpid()}-{self.number}-{label}"

    # ---- machines and cables ----

    def switch(self, label="switch"):
        """A namespace for a daemon. Linux itself stays silent there."""
        space = namespace.Namespace(self.name_of(label))
        self.namespaces.append(space)
        space.disable_ipv6()
        return space

    def host(self, number, switch, port=None, mtu=1500, queues=1, offloads=True, ipv6=True, port_mtu=None):
        """Host NUMBER, its card cabled to the device `port` (lanNUMBER) of the switch's namespace."""
        host = Host(self.name_of(f"h{number}"), number, ipv6)
        self.namespaces.append(host.namespace)
        port = port or f"lan{number}"
        namespace.cable(switch, port, host.namespace, DEVICE, mtu=mtu, queues=queues, b_mac=host.mac)
        if port_mtu:
            switch.ip("link", "set", port, "mtu", port_mtu)
        host.configure(offloads)
        return host

    def cable(self, a, a_device, b, b_device, **options):
        namespace.cable(a, a_device, b, b_device, **options)

    # ---- the daemon ----

    def starocean(self, switch, config, name="starocean", start=True, prefix=(),
                  arguments=()):
        """A daemon in the switch's namespace; it forwards when this returns, unless start is false."""
        daemon = Starocean(switch, self.directory, name, config, prefix, arguments)
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    def switched(self, count, workers=1, memory=None, bridge=None, **host_options):
        """The usual lab: `count` hosts behind one daemon. Returns (daemon, hosts)."""
        switch = self.switch()
        hosts = [self.host(number, switch, **host_options) for number in range(1, count + 1)]
        daemon = self.starocean(switch, bridge_config(count, workers, memory, bridge))
        return daemon, hosts

    # ---- the machine ----

    def huge_pages(self, count):
        """Reserves `count` huge pages of 2 MiB, and none of another size, until the lab ends; returns how
        many are free now. All are the machine's: labs of other processes wait, or this one does."""
        self._hold_huge_pages()
        for path, number in machine.huge_page_settings(count):
            _write(path, number)
        free = machine.free_huge_pages()
        strays = {size: pages for size, pages in free.items() if pages > (count if size == 2048 else 0)}
        if strays:
            raise LabError(f"Linux keeps free huge pages that the lab does not want, KiB: pages = {strays}")
        return free.get(2048, 0)

    def _hold_huge_pages(self):
        if self._huge_page_lock is not None:
            return
        lock = open(HUGE_PAGE_LOCK, "w", encoding="ascii")  # pylint: disable=consider-using-with
        self._huge_page_lock = lock
        wait_until(lambda: _locks(lock), "no other lab holds the huge pages", 600, every_s=0.2)
        before = [(path, _read(path)) for path, _ in machine.huge_page_settings(0)]
        for path, number in before:
            undo_at_end(f"sysctl {path} {number}")
        self._restore.append(lambda: [_write(path, number) for path, number in before])


def _read(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def _write(path, number):
    """Only what differs: of gigantic pages Linux refuses to set some numbers even to what they are."""
    if _read(path) == number:
        return
    with open(path, "w", encoding="ascii") as file:
        file.write(str(number))


def _locks(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def bridge_config(count, workers=1, memory=None, bridge=None):
    """One bridge 'lan' of the interfaces lan1 … lanCOUNT, `workers` workers on the first CPUs."""
    ports = [f"lan{number}" for number in range(1, count + 1)]
    cpus = sorted(os.sched_getaffinity(0))
    return {
        "version": 1,
        "node": "lab",
        "workers": {"cpus": [cpus[number % len(cpus)] for number in range(workers)]},
        "memory": {"frames": 32768, **(memory or {})},
        "interfaces": {port: {} for port in ports},
        "bridges": {"lan": {"interfaces": ports, **(bridge or {})}},
    }
