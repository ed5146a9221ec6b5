"""examples/reflector.cc, built on the installed library alone: the library as its users have it."""

import signal
import subprocess

import pytest

from starocean_lab import LabError, wait_until
from starocean_lab.daemon import ROOT
from starocean_lab.wire import frame

REFLECTOR = ROOT / "build/examples/reflector"


@pytest.fixture
def reflecting(lab):
    """(host, switch namespace, process): what the host sends to lan1 comes back."""
    if not REFLECTOR.exists():
        pytest.skip(f"{REFLECTOR.relative_to(ROOT)} is not built; run scripts/run-tests release install")
    switch = lab.switch()
    host = lab.host(1, switch, ipv6=False)
    process = switch.popen(REFLECTOR, "lan1", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    try:
        said = process.stdout.readline()  # once it reflects, or why it cannot
        if not said.startswith("reflecting on lan1"):
            raise LabError(f"the reflector said: {said}{process.stdout.read()}")
        yield host, switch, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_every_frame_comes_back_with_its_addresses_swapped(reflecting):
    host, switch, process = reflecting
    there, here = "02:00:00:00:00:aa", host.mac
    with host.wire() as wire:
        for number in range(6000):  # more than it has frames: each is used again
            size = 60 + number * 37 % 1455
            payload = number.to_bytes(2, "big") + bytes(range(1, 250))
            wire.send(frame(there, here, payload, size=size))
            wire.expect(frame(here, there, payload, size=size))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    wait_until(lambda: not switch.has_xdp("lan1"), "lan1 has no XDP program", 5)
