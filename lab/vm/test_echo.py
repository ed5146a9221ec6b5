"""`starocean echo` on a card that hands its packets to user space without copying them."""

import pytest

from starocean_vm import assert_mode, sockets_of

# Around the smallest frame, a cache line, a power of two, and the largest packet; odd ones too.
SIZES = (0, 1, 17, 18, 19, 63, 65, 512, 1001, 1471, 1472)
MAC = "02:00:00:00:05:00"  # nobody's: the card has to be told to receive it
LINUX_ADDRESS = "10.0.0.101"


@pytest.fixture
def shared(scene):
    """lan1 has an address of Linux's, too."""
    scene.switch.ip("addr", "add", f"{LINUX_ADDRESS}/24", "dev", "lan1")
    return scene


@pytest.mark.parametrize("address", ["10.0.0.50", "fd00::50"], ids=["ipv4", "ipv6"])
def test_every_answer_comes_and_linux_keeps_its_address(shared, address):
    host = shared.hosts[0]
    echo = shared.echo("lan1", address, "--mac", MAC)
    assert_mode("zero-copy", echo.stats()["mode"], sockets_of(shared.switch)["lan1", 0], "lan1:0")
    sizes = [size for size in SIZES if ":" not in address or size <= 1452]
    host.ping_sizes(address, sizes)
    # What is not for us, the kernel copies out of the packet memory for Linux.
    host.ping_sizes(LINUX_ADDRESS, SIZES)
    counters = echo.stats()["counters"]
    assert counters["answered_ping"] == len(sizes)
    assert counters["answered_neighbour"] >= 1
    assert not any(count for name, count in counters.items() if name.startswith("drop_")), counters


def test_killed_and_started_again(shared):
    host = shared.hosts[0]
    for _ in range(2):
        echo = shared.echo("lan1", "10.0.0.50")
        assert_mode("zero-copy", echo.stats()["mode"], sockets_of(shared.switch)["lan1", 0], "lan1:0")
        host.ping("10.0.0.50", count=1)
        echo.kill()
        host.ping(LINUX_ADDRESS, count=1)
