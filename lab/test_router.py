"""Two and more routed subnets behind one daemon, seen from hosts: Linux's own tools must find an ordinary router."""

import re

import pytest

from starocean_lab import router


@pytest.fixture(name="site")
def _site(lab):
    daemon, space, stations = router.routed(lab, 2)
    yield daemon, space, stations
    daemon.assert_conserved()


def test_ping_both_families_and_sizes(site):
    daemon, _, (a, b) = site
    for size in (0, 1, 56, 1000, 1472):
        a.ping(b.ipv4, count=3, size=size)
    for size in (8, 56, 1000, 1452):
        b.ping(a.ipv6, count=3, size=size)
    counters = daemon.counters()
    assert counters["routed4"] >= 5 * 3 * 2
    assert counters["routed6"] >= 4 * 3 * 2
    assert counters["drop_not_ours"] == 0


def test_linux_answers_for_its_own_addresses(site):
    _, _, (a, b) = site
    a.ping(a.gateway4, count=2)
    a.ping(a.gateway6, count=2)
    a.ping(b.gateway4, count=2)  # an address on the other side


@pytest.mark.parametrize("how", ["-U", "-I", "-T"])
def test_traceroute_sees_our_hop(site, how):
    _, _, (a, b) = site
    for address, gateway in ((b.ipv4, a.gateway4), (b.ipv6, a.gateway6)):
        lines = a.run("traceroute", "-n", how, "-q", "1", "-w", "5", address).stdout.splitlines()[1:]
        hops = [line.split()[1] for line in lines]
        assert hops == [gateway, address], lines


def test_tracepath_finds_the_smaller_mtu(lab):
    daemon, _, (a, b) = router.routed(lab, 2, mtu={2: 1300})
    for address in (b.ipv4, b.ipv6):
        said = a.run("tracepath", "-n", address, timeout_s=60).stdout
        assert "pmtu 1300" in said, said
        assert re.search(rf"{re.escape(address)}.*reached", said), said
    daemon.assert_conserved()


def test_fragments_where_allowed(lab):
    """1472 bytes without DF through a link of 600: three pieces each way, and the answer comes back whole."""
    daemon, _, (a, b) = router.routed(lab, 2, mtu={2: 600})
    a.ping(b.ipv4, count=3, size=1472, options=("-M", "dont"))
    counters = daemon.counters()
    assert counters["fragmented"] == 3
    assert counters["copies"] >= 3 * 2
    daemon.assert_conserved()


def test_pieces_of_jumbo_packets_arrive_whole(lab):
    """From an MTU of 9000 into one of 3000, which a frame does not hold: more and smaller pieces, all of each."""
    daemon, _, (a, b) = router.routed(lab, 2, mtu={1: 9000, 2: 3000})
    a.ping(b.ipv4, count=3, size=8000, options=("-M", "dont"))
    assert daemon.counters()["fragmented"] == 3
    daemon.assert_conserved()


def test_errors_about_jumbo_packets(lab):
    """Packets of several buffers that do not fit, or whose time is up: what the sender hears, and that it believes it."""
    daemon, space, (a, b) = router.routed(lab, 2, mtu={1: 9000})
    space.ip("route", "add", "prohibit", "10.77.0.0/16")
    for size in (4000, 8972):
        told = a.run("ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", size, b.ipv4, check=False).stdout
        assert "From 10.1.0.254" in told and "mtu = 1500" in told, told
        a.ip("route", "flush", "cache")  # what it has learned by that
        told = a.run("ping", "-n", "-c", "1", "-W", "5", "-M", "want", "-t", "1", "-s", size, b.ipv4, check=False).stdout
        assert "From 10.1.0.254" in told and "Time to live exceeded" in told, told
        told = a.run("ping", "-n", "-c", "1", "-W", "5", "-s", size, "10.77.0.1", check=False).stdout
        assert "From 10.1.0.254" in told and "Packet filtered" in told, told
    told = a.run("ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", 8000, b.ipv6, check=False).stdout
    assert "Packet too big: mtu=1500" in told, told
    daemon.assert_conserved()


def test_unreachable_neighbour_is_told(site):
    _, _, (a, _b) = site
    for address, text in (("10.2.0.99", "Destination Host Unreachable"), ("fd00:2::99", "Address unreachable")):
        done = a.run("ping", "-n", "-c", "1", "-W", "8", address, check=False)
        assert text in done.stdout, done.stdout


def test_routes_by_hand_take_effect(site):
    daemon, space, (a, b) = site
    b.ip("addr", "add", "172.20.0.1/32", "dev", "lo")
    assert "Destination Net Unreachable" in a.run("ping", "-n", "-c", "1", "-W", "5", "172.20.0.1", check=False).stdout
    space.ip("route", "add", "172.20.0.0/16", "via", b.ipv4)
    a.ping("172.20.0.1", count=2)
    space.ip("route", "replace", "prohibit", "172.20.0.0/16")
    assert "Packet filtered" in a.run("ping", "-n", "-c", "1", "-W", "5", "172.20.0.1", check=False).stdout
    space.ip("route", "replace", "blackhole", "172.20.0.0/16")
    before = daemon.counters()["drop_blackhole"]
    assert a.run("ping", "-n", "-c", "1", "-W", "1", "172.20.0.1", check=False).returncode == 1
    assert daemon.counters()["drop_blackhole"] == before + 1


def test_tcp_through_and_to_the_router(site):
    daemon, space, (a, b) = site
    server = b.namespace.popen("iperf3", "-s", "-1", "-p", "5201")
    try:
        b.namespace.wait_listening(5201)
        a.run("iperf3", "-c", "10.2.0.1", "-p", "5201", "-t", "2")
    finally:
        server.kill()
        server.wait()
    assert daemon.counters()["drop_ip_checksum"] == 0
    assert space is not None
