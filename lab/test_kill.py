"""kill -9 under load: nothing stays behind that would keep Linux, or the next start, from working."""

import json

import pytest

from starocean_lab import machine, traffic, wait_until
from starocean_lab.lab import bridge_config

ROUNDS = 20
HUGE_PAGES = 96  # of 2 MiB; the pool below needs 16 and the rings a few


def programs(namespace):
    """XDP programs that bpftool sees attached to devices of the namespace."""
    shown = json.loads(namespace.run("bpftool", "-j", "net", "show").stdout)
    return [entry for net in shown for entry in net.get("xdp", [])]


def test_killed_twenty_times_under_load(lab):
    huge = lab.huge_pages(HUGE_PAGES) >= HUGE_PAGES
    switch = lab.switch()
    a, b = (lab.host(number, switch) for number in (1, 2))
    # The switch's own Linux has an address on the port; while starocean holds the port it is silent.
    switch.ip("addr", "add", "10.0.0.100/24", "dev", "lan1")
    free_before = machine.huge_pages()["free"]
    links_before = set(switch.links())
    memory = {"frames": 16384, "frame_size": 2048, "hugepages": "auto"}
    daemon = lab.starocean(switch, bridge_config(2, memory=memory), start=False)
    with traffic.Background(traffic.udp_load(a, b), traffic.udp_load(b, a, size=64)):
        for round_number in range(1, ROUNDS + 1):
            where = f"in round {round_number} of {ROUNDS}"
            daemon.start()
            if huge:
                assert daemon.show("memory")["hugepages"] == "2M"
                assert machine.huge_pages()["free"] < free_before
            before = daemon.counters()["rx_packets"]
            wait_until(lambda b4=before: daemon.counters()["rx_packets"] > b4 + 100, f"load flows {where}")
            daemon.kill()
            wait_until(lambda: not switch.has_xdp("lan1") and not switch.has_xdp("lan2"),
                       f"the XDP program is gone within a second {where}", 1.0)
            assert programs(switch) == []
            wait_until(lambda: a.reaches("10.0.0.100"), f"Linux answers on lan1 again {where}", 10)
            wait_until(lambda: machine.huge_pages()["free"] == free_before,
                       f"huge pages are free again {where}", 5)
        daemon.start()
        wait_until(lambda: a.reaches(b.ipv4), "the last start forwards", 10)
    left = set(switch.links()) - links_before
    daemon.assert_conserved()
    assert daemon.stop() == 0
    wait_until(lambda: set(switch.links()) == links_before,
               f"of the devices {sorted(left)} that appeared none stays after an orderly end", 5)
    if not huge:
        pytest.skip(f"all was shown but that huge pages come back: Linux found no room for {HUGE_PAGES} "
                    "of 2 MiB; memory is short or fragmented")


def test_terminated_under_load(lab):
    """SIGTERM under load: drains, detaches, ends with status 0, and Linux has the port back."""
    switch = lab.switch()
    a, b = (lab.host(number, switch) for number in (1, 2))
    switch.ip("addr", "add", "10.0.0.100/24", "dev", "lan1")
    daemon = lab.starocean(switch, bridge_config(2), start=False)
    with traffic.Background(traffic.udp_load(a, b), traffic.udp_load(b, a)):
        for _ in range(5):
            daemon.start()
            assert daemon.stop(10) == 0, daemon.log_tail()
            assert not daemon.socket_path.exists(), "the socket's file outlives the daemon"
            wait_until(lambda: not switch.has_xdp("lan1"), "lan1 has no XDP program", 5)
            wait_until(lambda: a.reaches("10.0.0.100"), "Linux answers on lan1 again", 10)
