"""FRR beside the daemon, in the router's own namespace, and in the routers around it: what OSPF and BGP put into Linux's
tables is what our data plane forwards by."""

import ipaddress
import random
import socket

import pytest

from starocean_lab import LabError, frr, namespace, router, traffic, wait_until
from starocean_lab.bgp_feed import BgpFeed
from starocean_lab.frr import Frr
from starocean_lab.router import Station

MAIN_TABLE = 254
ROUTES, ROUTES6 = 90_000, 10_000  # of the feed


@pytest.fixture(name="run_frr")
def _run_frr(lab):
    """run_frr({namespace: {"ospfd": text, …}, …}) starts FRR in each, all at once; ended before the lab is."""
    reason = frr.missing()
    if reason:
        pytest.skip(reason)
    made = []

    def start(configs):
        def one(space, texts):
            made.append(Frr(space, lab.directory, texts))
            return made[-1]
        return traffic.in_parallel([lambda s=space, t=texts: one(s, t) for space, texts in configs.items()])
    yield start
    if made:
        traffic.in_parallel([one.stop for one in made])


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
    with daemon.namespace.entered(), open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as file:
        assert file.read().strip() == "0", "Linux may not have forwarded instead"


def link(a, a_device, b, b_device, number):
    """A cable whose subnet is NUMBER; `a` has address 1, `b` address 2. Addresses outlive `ip link set down`."""
    for space in (a, b):
        space.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
    namespace.cable(a, a_device, b, b_device)
    for space, device, last in ((a, a_device, 1), (b, b_device, 2)):
        space.ip("addr", "add", f"10.{number}.0.{last}/24", "dev", device)
        space.ip("addr", "add", f"fd00:{number:x}::{last}/64", "dev", device, "nodad")


def ospf(number, costs, passive=()):
    text = ""
    for device, cost in costs.items():
        text += (f"interface {device}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n"
                 f" ip ospf dead-interval 6\n ip ospf retransmit-interval 3\n ip ospf cost {cost}\nexit\n")
    for device in passive:
        text += f"interface {device}\n ip ospf area 0\n ip ospf passive\nexit\n"
    return text + (f"router ospf\n ospf router-id 192.0.2.{number}\n timers throttle spf 0 50 500\n"
                   " timers throttle lsa all 0\n timers lsa min-arrival 0\nexit\n")


def bgp(number, peers, networks=(), passive=False):
    """AS 65000 + number; peers {address: number}; prefixes that it announces."""
    text = (f"router bgp {65000 + number}\n bgp router-id 192.0.2.{number}\n no bgp ebgp-requires-policy\n"
            " no bgp network import-check\n no bgp default ipv4-unicast\n")
    for address, peer in peers.items():
        text += (f" neighbor {address} remote-as {65000 + peer}\n neighbor {address} timers 2 6\n"
                 f" neighbor {address} timers connect 1\n neighbor {address} advertisement-interval 0\n")
        text += f" neighbor {address} passive\n" if passive else ""
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        text += f" address-family {family} unicast\n"
        for address in peers:
            if passive or ipaddress.ip_address(address).version == version:
                text += f"  neighbor {address} activate\n"
        for prefix in networks:
            if ipaddress.ip_network(prefix).version == version:
                text += f"  network {prefix}\n"
        text += " exit-address-family\n"
    return text + "exit\n"


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
        site.us: {"zebra": zebra, "ospfd": ospf(1, {"far": 20, "relay": 10}, ["net1"]), "staticd": ""},
        site.far: {"ospfd": ospf(2, {"us": 20, "relay": 10}, ["net4"])},
        site.relay: {"ospfd": ospf(3, {"us": 10, "far": 10})}})
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
        site.us: {"bgpd": bgp(1, peers(n2=(102, 2), n3=(103, 2)), ["10.1.0.0/24", "fd00:1::/64"])},
        site.far: {"bgpd": bgp(2, peers(n1=(102, 1), n3=(104, 2)), ["10.4.0.0/24", "fd00:4::/64"])},
        site.relay: {"bgpd": bgp(3, peers(n1=(103, 1), n2=(104, 1)))}})

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
            self.us: {"ospfd": ospf(1, {"office10": 10}, ["net1"]),
                      "bgpd": bgp(1, {"10.3.0.1": 2, "fd00:3::1": 2}, ["172.20.1.0/24", "fd00:1::/64"])},
            self.peer: {"ospfd": ospf(2, {device: 10}, ["net4"]),
                        "bgpd": bgp(2, {"10.3.0.254": 1, "fd00:3::fe": 1}, ["172.20.4.0/24", "fd00:4::/64"])}})

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


# ---- a feed ----

def linux_routes(space):
    """{prefix: [(gateway, device)]} of Linux's main table, of each prefix what counts: the lowest metric. Link-local
    subnets, one for each device, are left out."""
    best = {}
    for family, anywhere in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        for route in router.json_of(space.ip("-j", family, "route", "show", "table", "main")):
            prefix = str(ipaddress.ip_network(anywhere if route["dst"] == "default" else route["dst"]))
            if prefix == "fe80::/64":
                continue
            hops = sorted((hop.get("gateway"), hop["dev"]) for hop in route.get("nexthops", [route]))
            found = (route.get("metric", 0), hops)
            best[prefix] = min(best.get(prefix, found), found, key=lambda one: one[0])
    return {prefix: hops for prefix, (_, hops) in best.items()}


def our_routes(daemon):
    return {route["prefix"]: sorted((hop["gateway"], hop["device"]) for hop in route["next_hops"])
            for route in daemon.show("routes")["routes"]
            if route["table"] == MAIN_TABLE and route["prefix"] != "fe80::/64"}


def prefixes(dice, count, version):
    """Different ones, one inside the other at times, of public addresses; IPv4 mostly /24, as in the Internet."""
    found = {}
    while len(found) < count:
        if version == 4:
            length = dice.choice([24] * 6 + list(range(12, 33)))
            address = dice.randrange(20 << 24, 100 << 24) >> (32 - length) << (32 - length)
        else:
            length = dice.choice([48] * 5 + list(range(28, 65)))
            address = ((0x2a << 120) + dice.getrandbits(120)) >> (128 - length) << (128 - length)
        found[address, length] = None
    return [ipaddress.ip_network(one) for one in found]


class Feed:
    """100,000 routes by several next hops, and what of them must be there now."""

    HOPS = {4: ["10.2.0.1", "10.2.0.2", "10.2.0.3"], 6: ["fd00:2::1", "fd00:2::2"]}

    def __init__(self, session):
        self.session = session
        self.wanted = {}

    def announce(self, routes, shift=0):
        groups = {}
        for number, prefix in enumerate(routes):
            hops = self.HOPS[prefix.version]
            groups.setdefault(hops[(number + shift) % len(hops)], []).append(prefix)
        for hop, group in groups.items():
            self.session.announce(group, hop)
            self.wanted.update({str(prefix): [(hop, "net2")] for prefix in group})

    def withdraw(self, routes):
        self.session.withdraw(routes)
        for prefix in routes:
            del self.wanted[str(prefix)]


def wait_exact(speaker, daemon, wanted, what):
    """Linux has what was announced, and we have what Linux has: no more, no less, by the same next hops."""
    space = daemon.namespace
    count = "for f in -4 -6; do ip $f route show table main; done | grep -vc ^fe80::/64"  # cheaper than to read them
    speaker.wait(lambda: int(space.run("sh", "-c", count, check=False).stdout) == len(wanted), f"Linux has {what}", 90)
    speaker.wait(lambda: linux_routes(space) == wanted, f"Linux has {what}, by the next hops announced", 60)
    ours = {}

    def equal():
        ours.clear()
        ours.update(our_routes(daemon))
        return ours == wanted
    try:
        wait_until(equal, f"we have {what}", 20)
    except LabError as error:
        differ = [(prefix, ours.get(prefix), wanted.get(prefix)) for prefix in {**ours, **wanted}
                  if ours.get(prefix) != wanted.get(prefix)]
        raise AssertionError(f"{len(differ)} routes differ (prefix, ours, Linux's), first: {differ[:5]}") from error


def test_a_feed_of_100000_routes_is_mirrored_exactly(lab, run_frr):
    daemon, space, (a, b) = router.routed(lab, 2)
    for version, hops in Feed.HOPS.items():
        for hop in hops[1:]:
            b.ip("addr", "add", f"{hop}/{24 if version == 4 else 64}", "dev", "eth0", *(["nodad"] if version == 6 else []))
    own = linux_routes(space)
    assert our_routes(daemon) == own
    speaker, = run_frr({space: {"bgpd": bgp(1, {"10.2.0.1": 2}, passive=True)}})
    feed = Feed(BgpFeed(b.namespace, "10.2.0.1", "10.2.0.254", 65002, "192.0.2.2"))
    dice = random.Random(4)
    routes = prefixes(dice, ROUTES, 4) + prefixes(dice, ROUTES6, 6)
    reached = {version: next(str(one[1]) for one in routes if one.version == version and one.prefixlen < 31)
               for version in (4, 6)}
    for address in reached.values():
        b.ip("addr", "add", address, "dev", "lo")

    def exact(what):
        wait_exact(speaker, daemon, {**own, **feed.wanted}, what)
    feed.announce(routes)
    exact("all routes")
    for address in reached.values():
        a.ping(address, count=2)
    feed.withdraw(routes[::2])
    exact("every second route")
    feed.announce(routes, shift=1)
    exact("all routes again, by other next hops")
    assert feed.session.problem is None
    feed.session.close()
    feed.wanted.clear()
    exact("none of them once the session has ended")
    for address in reached.values():
        assert not a.reaches(address)
