"""FRR beside the daemon, in the router's own namespace, and in the routers around it: what OSPF and BGP put into Linux's
tables is what our data plane forwards by."""

import socket

import pytest

from starocean_lab import LabError, namespace, router, traffic, wait_until
from starocean_lab.frr import bgp_text, ospf_text
from starocean_lab.router import Station

MAIN_TABLE = 254


def next_hops(daemon, prefix):
    """[(gateway, interface)] of our route, sorted; empty if there is none."""
    return sorted((hop["gateway"], hop["interface"]) for route in daemon.show("routes")["routes"]
                  if route["table"] == MAIN_TABLE and route["prefix"] == prefix for hop in route["next_hops"])


def wait_for_hops(speaker, daemon, prefix, wanted):
    try:
        speaker.wait(lambda: next_hops(daemon, prefix) == sorted(wanted), f"{prefix} is routed by {wanted}")
    except LabError as error:
        linux = daemon.namespace.ip("route", "show", prefix).stdout
        raise LabError(f"{error}\nOur next hops: {next_hops(daemon, prefix)}; Linux's route: {linux}") from error


def assert_both_ways(daemon, a, b, families=(socket.AF_INET, socket.AF_INET6)):
    """Ping and TCP in both directions, through our data plane and not through Linux's."""
    for family in families:
        counter = "routed6" if family == socket.AF_INET6 else "routed4"
        before = daemon.counters()[counter]
        for one, other in ((a, b), (b, a)):
            one.ping(other.address(family), count=3)
            done = traffic.tcp_transfer(one, other, 200_000, family)
            assert done.received_sha256 == done.sent_sha256
        sent = 2 * (2 * 3 + 2 * 200_000 // 65535)
        assert daemon.counters()[counter] - before >= sent
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        said = daemon.namespace.run("sysctl", "-n", key).stdout.strip()
        assert said == "0", f"{key} = {said}: Linux may have forwarded instead"


def link(a, a_device, b, b_device, number):
    """A cable whose subnet is NUMBER; `a` has address 1, `b` address 2. Addresses outlive `ip link set down`."""
    for space in (a, b):
        space.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
    namespace.cable(a, a_device, b, b_device)
    for space, device, last in ((a, a_device, 1), (b, b_device, 2)):
        space.ip("addr", "add", f"10.{number}.0.{last}/24", "dev", device)
        space.ip("addr", "add", f"fd00:{number:x}::{last}/64", "dev", device, "nodad")


class Triangle:
    """Host A behind our router "us", host B (subnet 4) behind "far"; the two are joined directly (subnet 102), and by
    way of "relay" (103 and 104)."""

    NAMES = ("us", "far", "relay")
    DIRECT, ROUND = ("10.102.0.2", "far"), ("10.103.0.2", "relay")

    def __init__(self, lab):
        self.us = router.router_namespace(lab, label="us")
        self.far, self.relay = (router.router_namespace(lab, True, label=name) for name in ("far", "relay"))
        link(self.us, "far", self.far, "us", 102)
        link(self.us, "relay", self.relay, "us", 103)
        link(self.far, "relay", self.relay, "far", 104)
        self.a, self.b = Station(lab, self.us, 1), Station(lab, self.far, 4)
        router.give_addresses(self.us, 1)
        router.give_addresses(self.far, 4)
        names = ["net1", "far", "relay"]
        self.daemon = lab.starocean(self.us, {
            "version": 1, "memory": {"frames": 32768}, "interfaces": {name: {} for name in names},
            "vrfs": {"main": {"interfaces": names}}})


# FRR 8.4 does not give a next-hop object back the member that Linux took from it when a link went down, whoever forwards.
NO_NEXT_HOP_OBJECTS = "no zebra nexthop kernel enable\n"


def ospf_triangle(lab, run_frr, zebra=""):
    """Both paths to B cost the same."""
    site = Triangle(lab)
    site.frr, _, _ = run_frr({
        site.us: {"zebra": zebra, "ospfd": ospf_text(1, {"far": 20, "relay": 10}, ["net1"]), "staticd": ""},
        site.far: {"ospfd": ospf_text(2, {"us": 20, "relay": 10}, ["net4"])},
        site.relay: {"ospfd": ospf_text(3, {"us": 10, "far": 10})}})
    site.frr.wait(lambda: site.frr.ospf_full() == ["192.0.2.2", "192.0.2.3"], "OSPF's adjacencies are Full")
    wait_for_hops(site.frr, site.daemon, "10.4.0.0/24", [site.DIRECT, site.ROUND])
    wait_until(lambda: site.b.reaches(site.a.ipv4), "the far side knows the way back", 30)
    return site


def test_ospf_takes_both_paths_then_the_one_that_is_left(lab, run_frr):
    site = ospf_triangle(lab, run_frr, NO_NEXT_HOP_OBJECTS)
    assert_both_ways(site.daemon, site.a, site.b, [socket.AF_INET])
    before = {name: site.daemon.counters(name)["tx_packets"] for name in ("far", "relay")}
    for _ in range(100):
        with site.a.open_socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"a flow of its own", (site.b.ipv4, 9))
    wait_until(lambda: all(site.daemon.counters(name)["tx_packets"] - sent >= 20 for name, sent in before.items()),
               "a hundred flows take both paths")

    site.far.link_down("us")
    wait_for_hops(site.frr, site.daemon, "10.4.0.0/24", [site.ROUND])
    wait_until(lambda: site.a.reaches(site.b.ipv4), "traffic goes round", 30)
    assert_both_ways(site.daemon, site.a, site.b, [socket.AF_INET])

    site.far.link_up("us")
    wait_for_hops(site.frr, site.daemon, "10.4.0.0/24", [site.DIRECT, site.ROUND])
    site.far.link_down("relay")  # not a link of ours: only OSPF can say so
    wait_for_hops(site.frr, site.daemon, "10.4.0.0/24", [site.DIRECT])
    wait_until(lambda: site.a.reaches(site.b.ipv4), "traffic goes straight", 30)
    assert_both_ways(site.daemon, site.a, site.b, [socket.AF_INET])


def test_routes_by_hand_beside_frr(lab, run_frr):
    """Those of `ip route`, and of FRR's static daemon, at run time; none of them disturbs OSPF's."""
    site = ospf_triangle(lab, run_frr)
    both = [site.DIRECT, site.ROUND]
    site.b.ip("addr", "add", "172.20.0.1/32", "dev", "lo")
    site.far.ip("route", "add", "172.20.0.1", "via", site.b.ipv4)
    site.relay.ip("route", "add", "172.20.0.1", "via", "10.104.0.1")
    site.us.ip("route", "add", "172.20.0.0/16", "via", site.DIRECT[0])
    wait_for_hops(site.frr, site.daemon, "172.20.0.0/16", [site.DIRECT])
    site.a.ping("172.20.0.1", count=2)
    site.frr.configure("staticd", "ip route 172.20.0.1/32 10.103.0.2")
    wait_for_hops(site.frr, site.daemon, "172.20.0.1/32", [site.ROUND])
    site.a.ping("172.20.0.1", count=2)
    site.frr.configure("staticd", "no ip route 172.20.0.1/32 10.103.0.2")
    wait_for_hops(site.frr, site.daemon, "172.20.0.1/32", [])
    site.us.ip("route", "del", "172.20.0.0/16")
    wait_for_hops(site.frr, site.daemon, "172.20.0.0/16", [])
    assert not site.a.reaches("172.20.0.1")

    # The same prefix as OSPF's, preferred for its metric: OSPF's stays, and counts again afterwards.
    site.us.ip("route", "add", "blackhole", "10.4.0.0/24")
    wait_for_hops(site.frr, site.daemon, "10.4.0.0/24", [])
    before = site.daemon.counters()["drop_blackhole"]
    assert not site.a.reaches(site.b.ipv4)
    assert site.daemon.counters()["drop_blackhole"] == before + 1
    site.us.ip("route", "del", "blackhole", "10.4.0.0/24")
    wait_for_hops(site.frr, site.daemon, "10.4.0.0/24", both)
    assert_both_ways(site.daemon, site.a, site.b, [socket.AF_INET])


def test_bgp_of_both_families_survives_a_cut(lab, run_frr):
    site = Triangle(lab)

    def peers(**numbers):
        return {pattern.format(subnet, last): peer for peer, (subnet, last) in
                ((int(key[1:]), value) for key, value in numbers.items())
                for pattern in ("10.{0:d}.0.{1}", "fd00:{0:x}::{1}")}
    site.frr, far, _ = run_frr({
        site.us: {"bgpd": bgp_text(1, peers(n2=(102, 2), n3=(103, 2)), ["10.1.0.0/24", "fd00:1::/64"])},
        site.far: {"bgpd": bgp_text(2, peers(n1=(102, 1), n3=(104, 2)), ["10.4.0.0/24", "fd00:4::/64"])},
        site.relay: {"bgpd": bgp_text(3, peers(n1=(103, 1), n2=(104, 1)))}})

    def uses(interface):
        """Zebra gives Linux a link-local next hop for IPv6."""
        hops = [hop for prefix in ("10.4.0.0/24", "fd00:4::/64") for hop in next_hops(site.daemon, prefix)]
        return [hop[1] for hop in hops] == [interface] * 2
    for speaker in (site.frr, far):
        speaker.wait(lambda s=speaker: len(s.bgp_established()) == 4, "four BGP sessions are established")
    for cut, interface in ((None, "far"), ("down", "relay"), ("up", "far")):
        if cut:
            site.far.ip("link", "set", "us", cut)
        site.frr.wait(lambda i=interface: uses(i), f"both families go by {interface}")
        wait_until(lambda: site.a.reaches(site.b.ipv4) and site.a.reaches(site.b.ipv6), f"traffic goes by {interface}", 30)
        assert_both_ways(site.daemon, site.a, site.b)


class Office:
    """Host A behind our router; "peer", a router in VLAN 10 of our bridge, which Linux is in by the TAP office10; and
    host B behind the peer. OSPF has the subnets' IPv4, BGP has their IPv6 and 172.20.N.0/24.

    On an access port the peer is a Linux router, on a trunk it is another starocean, with a TAP for the tag."""

    def __init__(self, lab, run_frr, port):
        self.us = router.router_namespace(lab, label="us")
        self.peer = router.router_namespace(lab, port == "access", label="peer")
        self.a, self.b = Station(lab, self.us, 1), Station(lab, self.peer, 4)
        router.give_addresses(self.us, 1)
        router.give_addresses(self.peer, 4)
        namespace.cable(self.us, "lan3", self.peer, "eth0")
        device = "eth0"
        if port == "trunk":
            device = "up10"
            lab.starocean(self.peer, {
                "version": 1, "memory": {"frames": 32768}, "interfaces": {"net4": {}, "eth0": {}},
                "vlans": {device: {"link": "eth0", "id": 10}}, "vrfs": {"main": {"interfaces": ["net4", device]}}},
                name="peer")
        self.peer.ip("addr", "add", "10.3.0.1/24", "dev", device)
        self.peer.ip("addr", "add", "fd00:3::1/64", "dev", device, "nodad")
        self.peer.link_up(device)
        member = {"vlan": 10} if port == "access" else {"trunk": [10, 20]}
        self.daemon = lab.starocean(self.us, {
            "version": 1, "memory": {"frames": 32768}, "interfaces": {"net1": {}, "lan3": {}},
            "bridges": {"office": {"interfaces": {"lan3": member}, "vlan_interfaces": {"office10": {"vlan": 10}}}},
            "vrfs": {"main": {"interfaces": ["net1", "office10"]}}})
        router.give_addresses(self.us, 3, device="office10")
        for station, space in ((self.a, self.us), (self.b, self.peer)):
            station.ip("addr", "add", f"172.20.{station.number}.1/32", "dev", "lo")
            space.ip("route", "add", f"172.20.{station.number}.0/24", "via", station.ipv4)
        self.frr, self.peer_frr = run_frr({
            self.us: {"ospfd": ospf_text(1, {"office10": 10}, ["net1"]),
                      "bgpd": bgp_text(1, {"10.3.0.1": 2, "fd00:3::1": 2}, ["172.20.1.0/24", "fd00:1::/64"])},
            self.peer: {"ospfd": ospf_text(2, {device: 10}, ["net4"]),
                        "bgpd": bgp_text(2, {"10.3.0.254": 1, "fd00:3::fe": 1}, ["172.20.4.0/24", "fd00:4::/64"])}})

    def addresses(self):
        shown = router.json_of(self.us.ip("-j", "addr", "show", "dev", "office10"))
        return sorted((one["local"], one["prefixlen"]) for one in shown[0]["addr_info"])

    def wait_converged(self):
        for speaker, other, peers in ((self.frr, "192.0.2.2", ["10.3.0.1", "fd00:3::1"]),
                                      (self.peer_frr, "192.0.2.1", ["10.3.0.254", "fd00:3::fe"])):
            speaker.wait(lambda s=speaker, o=other: s.ospf_full() == [o], "OSPF's adjacency is Full", 60)
            speaker.wait(lambda s=speaker, p=peers: s.bgp_established() == p, "both BGP sessions are established", 60)
        for prefix in ("10.4.0.0/24", "172.20.4.0/24"):
            wait_for_hops(self.frr, self.daemon, prefix, [("10.3.0.1", "office10")])
        self.frr.wait(lambda: [hop[1] for hop in next_hops(self.daemon, "fd00:4::/64")] == ["office10"], "IPv6 is routed")

    def assert_traffic(self):
        for target in (self.b.ipv4, self.b.ipv6):
            wait_until(lambda t=target: self.a.reaches(t), f"{target} is reached", 30)
        assert_both_ways(self.daemon, self.a, self.b)
        for one, other in ((self.a, self.b), (self.b, self.a)):
            one.ping(f"172.20.{other.number}.1", count=3, options=("-I", f"172.20.{one.number}.1"))


@pytest.mark.parametrize("port, ending", [("access", "stop"), ("trunk", "kill")])
def test_a_vlan_of_a_bridge_and_a_restart(lab, run_frr, port, ending):
    """OSPF and BGP over the TAP; when the daemon ends they see its carrier go, when it is back they recover."""
    site = Office(lab, run_frr, port)
    site.wait_converged()
    site.assert_traffic()
    before = site.addresses()
    getattr(site.daemon, ending)()
    site.frr.wait(lambda: site.frr.ospf_full() == [] and site.frr.bgp_established() == [], "FRR sees that the TAP is dead")
    assert not site.a.reaches(site.b.ipv4)
    site.daemon.start()
    site.wait_converged()
    site.assert_traffic()
    assert site.addresses() == before
