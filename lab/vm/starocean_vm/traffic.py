"""Traffic between hosts of the guest, made by its own programs."""

import contextlib
import shlex
import socket

from starocean_lab import LabError, wait_until

_PORT = 5001


def tcp_transfer(sender, receiver, size_bytes, family):
    """Sends random bytes over TCP; fails unless exactly these arrive."""
    guest = sender.namespace.guest
    sent = guest.shell(f"head -c {size_bytes} /dev/urandom >/tmp/sent; sha256sum </tmp/sent").stdout
    # The taker's own input, a pipe that it holds open itself, must not end: it would hang up.
    guest.shell("test -p /tmp/open || mkfifo /tmp/open")
    taker = receiver.namespace.popen("sh", "-c", f"exec nc -l -p {_PORT} <>/tmp/open >/tmp/got")
    try:
        receiver.wait_listening(_PORT)
        giver = f"nc {shlex.quote(receiver.address(family))} {_PORT} </tmp/sent >/dev/null"
        sender.namespace.run("sh", "-c", giver, timeout_s=60)
        if taker.wait(30) != 0:
            raise LabError(f"nc on {receiver} ended with status {taker.returncode}")
    finally:
        taker.kill()
    received = guest.shell("sha256sum </tmp/got; stat -c %s /tmp/got; rm /tmp/got /tmp/sent").stdout.split()
    assert received[2] == str(size_bytes), f"{received[2]} of {size_bytes} bytes arrived at {receiver}"
    assert received[0] == sent.split()[0], f"what arrived at {receiver} is not what {sender} sent"


def talk_without_loss(daemon, a, b, sizes, size_bytes):
    """Pings of these sizes, by family, and TCP both ways: everything arrives, and nothing is lost on the way."""
    for family, pings in sizes.items():
        a.ping_sizes(b.address(family), pings)
    tcp_transfer(a, b, size_bytes, socket.AF_INET)
    tcp_transfer(b, a, size_bytes, socket.AF_INET6)
    daemon.assert_conserved()
    assert daemon.kernel_losses() == {}
    drops = {name: count for name, count in daemon.counters().items() if name.startswith("drop_") and count}
    assert drops == {}


@contextlib.contextmanager
def flood(sender, receiver, size=512):
    """While the block runs, pings go as fast as the emulated CPU makes them, lost or not."""
    process = sender.namespace.popen("ping", "-q", "-f", "-l", "64", "-s", str(size), receiver.ipv4)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def flows(daemon):
    """Until packets go through the daemon."""
    before = daemon.counters()["tx_packets"]
    wait_until(lambda: daemon.counters()["tx_packets"] > before + 200, f"load flows through '{daemon.name}'", 30)
