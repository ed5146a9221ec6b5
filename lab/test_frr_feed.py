"""A BGP feed of 100,000 routes beside the daemon: at each step, our routes are Linux's, and Linux's those announced."""

import ipaddress
import random

from starocean_lab import LabError, router, wait_until
from starocean_lab.bgp_feed import BgpFeed
from starocean_lab.frr import bgp_text

MAIN_TABLE = 254
ROUTES, ROUTES6 = 90_000, 10_000


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
    speaker, = run_frr({space: {"bgpd": bgp_text(1, {"10.2.0.1": 2}, passive=True)}})
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
    feed.withdraw(routes[::4])
    exact("three of four routes")
    feed.announce(routes[::2], shift=1)
    exact("all routes again, some by other next hops")
    assert feed.session.problem is None
    feed.session.close()
    feed.wanted.clear()
    exact("none of them once the session has ended")
    for address in reached.values():
        assert not a.reaches(address)
