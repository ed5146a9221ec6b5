"""One virtual machine for all labs here: three hosts, each cabled to a port of the switch.

    namespace h1        namespace switch                    namespace h2
    eth0 ══════════════ lan1 [ starocean ] lan2 ══════════════ eth0
                                   lan3
                                    ╚══════════════ eth0    namespace h3

All cards are virtio_net. lan1 and lan2 can do zero-copy; lan3 cannot (iommu_platform=off).
"""

import contextlib
import itertools
import tempfile

import pytest

from starocean_lab import LabError, reaper
from starocean_lab.daemon import binary
from starocean_lab.lab import undo_at_end
from starocean_vm import Guest, GuestEcho, GuestHost, GuestNamespace, GuestStarocean, Unavailable, missing
from starocean_vm.daemon import mac_of_host, mac_of_port

_ZERO_COPY = "disable-legacy=on,iommu_platform=on"
_NO_ZERO_COPY = "disable-legacy=on,iommu_platform=off"
_CARDS = [
    *((mac_of_host(number), number, _NO_ZERO_COPY) for number in (1, 2, 3)),
    (mac_of_port(1), 1, _ZERO_COPY), (mac_of_port(2), 2, _ZERO_COPY), (mac_of_port(3), 3, _NO_ZERO_COPY),
]
# For the packet memory; the rest of the guest's memory stays for its disk and sockets.
_HUGE_PAGES = 32


class Scene:
    """The guest with its namespaces, and what the running lab has started in them."""

    def __init__(self, guest):
        self.guest = guest
        self.switch = GuestNamespace(guest, "switch")
        self.switch.disable_ipv6()
        self._cards = {}
        for number in (1, 2, 3):
            self.plug(number)
        self.hosts = [GuestHost(GuestNamespace(guest, f"h{number}"), number) for number in (1, 2, 3)]
        self.started = []
        self._names = itertools.count(1)

    def plug(self, number):
        """The port's card comes to the switch, from the machine's own namespace if it is there."""
        if number in self._cards:
            self.guest.shell(f"echo {self._cards[number]} >/sys/bus/virtio/drivers/virtio_net/bind")
        self.switch.take(mac_of_port(number), f"lan{number}")
        link = self.guest.shell(f"ip netns exec switch readlink -f /sys/class/net/lan{number}/device").stdout
        self._cards[number] = link.strip().rpartition("/")[2]
        self.switch.link_up(f"lan{number}")

    def unplug(self, number):
        """The port's card is torn from its driver: its device vanishes."""
        self.guest.shell(f"echo {self._cards[number]} >/sys/bus/virtio/drivers/virtio_net/unbind")

    def starocean(self, config, start=True):
        daemon = GuestStarocean(self.switch, f"daemon-{next(self._names)}", config)
        self.started.append(daemon)
        return daemon.start() if start else daemon

    def switched(self, ports=("lan1", "lan2"), start=True, workers=None, **options):
        """A daemon with one bridge of these ports, each with these options."""
        return self.starocean({
            "version": 1, "node": "vm", "workers": workers or {"cpus": [0]}, "memory": {"frames": 20480},
            "interfaces": {port: dict(options) for port in ports}, "bridges": {"lan": {"interfaces": list(ports)}},
        }, start)

    def echo(self, device, address, *more):
        echo = GuestEcho(self.switch, device, address, *more)
        self.started.append(echo)
        return echo

    def settle(self):
        """What must be true when a lab is over."""
        for process in self.started:
            if process.running():
                process.assert_conserved()
                status = process.stop()
                assert status == 0, f"starocean ended with status {status}:\n{process.log_tail()}"
        links = self.switch.links()
        for port in ("lan1", "lan2", "lan3"):
            assert not links[port].get("xdp"), f"{port} still has an XDP program"
            assert links[port]["promiscuity"] == 0, f"{port} is still promiscuous"
        complaints = self.guest.kernel_complaints()
        assert not complaints, "the guest's kernel complains:\n" + "\n".join(complaints)

    def clear(self):
        """Leaves nothing for the next lab to stumble over."""
        for process in self.started:
            process.kill()
        self.started = []
        for number, host in enumerate(self.hosts, 1):
            self.switch.run("sh", "-c", f"ip addr flush dev lan{number}; ip link set lan{number} mtu 1500 up")
            host.namespace.run("sh", "-c", "ip link set eth0 mtu 1500; ip neigh flush all; ip -6 neigh flush all")


@contextlib.contextmanager
def booted(**options):
    """A machine with the cards above; the lab is skipped where there can be none."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix=f"{reaper.PREFIX}vm-") as directory:
        undo_at_end(f"remove {directory}")
        try:
            made = Guest(directory, _CARDS, [binary()], arguments=f"hugepages={_HUGE_PAGES}", **options)
        except Unavailable as error:
            pytest.skip(f"the guest's kernel cannot be had: {error}")
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def guest():
    """The booted machine."""
    with booted() as made:
        yield made


@pytest.fixture(scope="session", name="whole_scene")
def _whole_scene(guest):
    return Scene(guest)


@pytest.fixture(scope="session", name="whole_old_scene")
def _whole_old_scene():
    """The same on the kernel of this system's own release, Linux 6.1 on Debian 12: the oldest that starocean is for."""
    with booted(own_kernel=True) as made:
        yield Scene(made)


def settled(whole, request):
    """For one lab: nothing of the one before, and nothing left for the next."""
    try:
        yield whole
        if not getattr(request.node, "lab_failed", False):
            whole.settle()
    finally:
        whole.clear()


@pytest.fixture
def scene(whole_scene, request):
    """The three hosts and the switch's namespace, in which nothing runs yet."""
    yield from settled(whole_scene, request)


@pytest.fixture
def old_scene(whole_old_scene, request):
    """As `scene`, on the kernel of this system's own release."""
    yield from settled(whole_old_scene, request)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds logs, the guest's own included, to the report of a lab that failed."""
    report = (yield).get_result()
    funcargs = getattr(item, "funcargs", {})
    lab = funcargs.get("scene") or funcargs.get("old_scene")
    if not report.failed or lab is None:
        return
    item.lab_failed = True
    try:
        for process in lab.started:
            report.sections.append((f"log of {process.log_path}", process.log_tail(40)))
        report.sections.append(("kernel of the guest", lab.guest.shell("dmesg | tail -n 30", check=False).stdout))
    except LabError as error:
        report.sections.append(("guest", str(error)))
