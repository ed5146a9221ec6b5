"""Two routed subnets and a bridged VLAN in one daemon: the VLAN's subnet is routed by the device that Linux has for
it, and that device is there for Linux's own tools."""

import os
import subprocess

import pytest

from starocean_lab import router, wait_until
from starocean_lab.router import Station


class Site:
    """Stations 1 and 2 on subnets of their own; 3 and 4 on access ports of VLAN 10, subnet 3."""

    def __init__(self, lab):
        self.space = router.router_namespace(lab)
        self.one, self.two = Station(lab, self.space, 1), Station(lab, self.space, 2)
        for number in (1, 2):
            router.give_addresses(self.space, number)
        self.three = Station(lab, self.space, 3, device="lan3")
        self.four = Station(lab, self.space, 4, device="lan4", vlan=10)
        self.four.number, self.four.ipv4, self.four.ipv6 = 4, "10.3.0.4", "fd00:3::4"
        self.four.gateway4, self.four.gateway6 = self.three.gateway4, self.three.gateway6
        self.four.configure()
        self.config = {
            "version": 1, "memory": {"frames": 32768},
            "interfaces": {name: {} for name in ("net1", "net2", "lan3", "lan4")},
            "bridges": {"office": {"interfaces": {"lan3": {"vlan": 10}, "lan4": {"vlan": 10}},
                                   "vlan_interfaces": {"office10": {"vlan": 10}}}},
            "vrfs": {"main": {"interfaces": ["net1", "net2", "office10"]}},
        }
        self.daemon = lab.starocean(self.space, self.config)
        router.give_addresses(self.space, 3, device="office10")

    def everybody(self):
        return self.one, self.two, self.three, self.four


@pytest.fixture(name="site")
def _site(lab):
    site = Site(lab)
    yield site
    site.daemon.assert_conserved()


def test_everybody_reaches_everybody(site):
    for a in site.everybody():
        for b in site.everybody():
            if a is b:
                continue
            a.ping(b.ipv4)
            a.ping(b.ipv6)


def test_linux_uses_the_device(site):
    """Ping to and from the device's own address; what tcpdump sees there is untagged."""
    site.three.ping(site.three.gateway4, count=2)
    site.three.ping(site.three.gateway6, count=2)
    site.space.run("ping", "-n", "-c", "2", "-W", "5", site.four.ipv4)
    site.space.run("ping", "-n", "-c", "2", "-W", "5", site.four.ipv6)


def test_traceroute_into_the_vlan(site):
    lines = site.one.run("traceroute", "-n", "-q", "1", "-w", "5", site.four.ipv4).stdout.splitlines()[1:]
    assert [line.split()[1] for line in lines] == [site.one.gateway4, site.four.ipv4], lines
    lines = site.four.run("traceroute", "-n", "-q", "1", "-w", "5", site.one.ipv6).stdout.splitlines()[1:]
    assert [line.split()[1] for line in lines] == [site.four.gateway6, site.one.ipv6], lines


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_the_device_outlives_the_daemon(site, ending):
    site.one.ping(site.three.ipv4)
    before = site.space.links()["office10"]
    getattr(site.daemon, ending)()
    between = site.space.links()["office10"]
    assert between["ifindex"] == before["ifindex"] and between["address"] == before["address"]
    assert "LOWER_UP" in before["flags"] and "LOWER_UP" not in between["flags"]
    site.daemon.start()
    wait_until(lambda: site.one.run("ping", "-n", "-c", "1", "-W", "1", site.three.ipv4, check=False).returncode == 0,
               "traffic flows again", 20)
    shown = site.space.ip("-4", "addr", "show", "dev", "office10").stdout
    assert site.three.gateway4 in shown


def test_a_vlan_interface_comes_and_goes_by_reload(site):
    config = {**site.config, "vrfs": {"main": {"interfaces": ["net1", "net2"]}},
              "bridges": {"office": {"interfaces": {"lan3": {"vlan": 10}, "lan4": {"vlan": 10}}}}}
    site.daemon.reload(config)
    assert "office10" not in site.space.links()
    site.three.ping(site.four.ipv4)
    site.one.ping(site.two.ipv4)
    site.daemon.reload(site.config)
    router.give_addresses(site.space, 3, device="office10")
    wait_until(lambda: site.one.run("ping", "-n", "-c", "1", "-W", "1", site.four.ipv4, check=False).returncode == 0,
               "the VLAN is routed again", 20)


def test_a_name_that_is_taken_is_refused(lab):
    space = router.router_namespace(lab)
    Station(lab, space, 1)
    Station(lab, space, 3, device="lan3")
    space.ip("link", "add", "office10", "type", "veth", "peer", "name", "other")
    daemon = lab.starocean(space, {
        "version": 1, "memory": {"frames": 32768}, "interfaces": {"net1": {}, "lan3": {}},
        "bridges": {"office": {"interfaces": {"lan3": {"vlan": 10}}, "vlan_interfaces": {"office10": {"vlan": 10}}}},
    }, start=False)
    daemon.launch()
    assert daemon.wait() == 1
    assert "Linux has a device of this name already (veth)" in daemon.log()


def test_show_and_explain(site):
    site.one.ping(site.three.ipv4)
    routes = {route["prefix"]: route for route in site.daemon.show("routes")["routes"]}
    assert routes["10.3.0.0/24"]["next_hops"][0]["interface"] == "office10"
    neighbours = {one["address"]: one for one in site.daemon.show("neighbours")["neighbours"]}
    mac = site.three.namespace.links()["eth0"]["address"]
    assert neighbours[site.three.ipv4]["mac"] == mac
    shown = router.json_of(site.daemon.cli("show", "route", site.three.ipv4, "--json"))
    assert (shown["interface"], shown["next_hop"], shown["mac"]) == ("office10", site.three.ipv4, mac)
    explained = router.json_of(site.daemon.cli(
        "explain", "--in", "net1", f"tcp {site.one.ipv4}:1 > {site.three.ipv4}:443", "--json"))["explained"][0]
    assert (explained["outcome"], explained["interface"], explained["mac"]) == ("transmit", "office10", mac)
    # A member of the bridge: to the VLAN's device it is routed, to a neighbour in the VLAN switched.
    routed = router.json_of(site.daemon.cli(
        "explain", "--in", "lan3", f"icmp {site.three.ipv4} > {site.one.ipv4}", "--json"))["explained"][0]
    assert (routed["outcome"], routed["interface"]) == ("transmit", "net1")
    mac = site.four.namespace.links()["eth0"]["address"]
    site.three.ping(site.four.ipv4)
    switched = router.json_of(site.daemon.cli("explain", "--in", "lan3", "--mac", mac, "icmp 10.3.0.1 > 10.3.0.4",
                                              "--json"))["explained"][0]
    assert (switched["outcome"], switched["members"], switched["mac"]) == ("transmit", ["lan4"], mac)
    flooded = site.daemon.cli("explain", "--in", "lan3", "--mac", "ff:ff:ff:ff:ff:ff", "icmp 10.3.0.1 > 10.3.0.4").stdout
    assert "leaves by  lan4" in flooded and "interface  office10" in flooded
    refused = site.daemon.cli("explain", "--in", "lan9", "icmp 10.3.0.1 > 10.1.0.1", check=False)
    assert refused.returncode == 1 and "no interface of that name routes or is in a bridge" in refused.stderr
    # Counters of what a route leads to; a VRF that is not there.
    assert router.json_of(site.daemon.cli("show", "route", site.one.ipv4, "--json"))["egress"]["tx_packets"] > 0
    refused = site.daemon.cli("show", "route", site.one.ipv4, "--vrf", "guests", check=False)
    assert refused.returncode == 1 and "there is no VRF 'guests'" in refused.stderr


def test_curl_fetches_a_page(site, tmp_path):
    """HTTP through the router, both families, from a subnet and from the bridged VLAN: byte by byte what the server
    has."""
    page = os.urandom(3_000_000)
    (tmp_path / "page").write_bytes(page)
    for bind, host in (("0.0.0.0", site.two.ipv4), ("::", f"[{site.two.ipv6}]")):
        server = site.two.namespace.popen("/usr/bin/python3", "-m", "http.server", "--bind", bind, "--directory", tmp_path,
                                          "8080", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for client in (site.one, site.three):
                got = tmp_path / "got"
                client.run("curl", "-s", "-S", "--fail", "--retry", "20", "--retry-delay", "1", "--retry-connrefused",
                           "--max-time", "30", "-o", got, f"http://{host}:8080/page")
                assert got.read_bytes() == page
                got.unlink()
        finally:
            server.terminate()
            server.wait(10)
