"""The VLAN-aware switch at one end of a trunk, Linux's VLAN bridge at the other; and VLAN devices of Linux.

    h1 ═ lan1 [            ] core ──── core [              ] b1 ─ p1
    h2 ═ lan2 [ starocean  ]                [ Linux bridge ] b2 ─ p2
    h3 ═ lan3 [            ] qinq ──── qinq [ (802.1Q, ad) ] b3 ─ p3
    c1 ─ c1   [            ]                [              ] b4 ─ p4

VLANs 10, 20 tagged on `core`, 30 native; customers c1 and p4 in S-VLAN 100 over `qinq`. h1 to h3 are cards, the
others veth, of the guest: its kernel has what those of small machines lack (CONFIG_BRIDGE_VLAN_FILTERING,
CONFIG_VLAN_8021Q).
"""

import json

import pytest

from starocean_vm import GuestNamespace

MEMBERS = {"lan1": {"vlan": 10}, "lan2": {"vlan": 20}, "lan3": {"vlan": 30}, "c1": {"vlan": 100, "qinq": True},
           "core": {"trunk": [10, 20, 30], "native": 30}, "qinq": {"trunk": [100], "tag_type": "802.1ad"}}
SIZES = (0, 1, 56, 700, 1472, 4000)


class Spaces:
    """Namespaces that exist for one lab, and the cables between them."""

    def __init__(self, guest):
        self.guest, self.made = guest, []

    def add(self, name):
        space = GuestNamespace(self.guest, name)
        self.made.append(space)
        return space

    def cable(self, a, a_device, b, b_device, mtu=1500):
        """Tags stay in the frames, where native XDP sees them, and checksums are finished."""
        self.guest.shell(f"""
            ip -n {a.name} link add {a_device} mtu {mtu} type veth peer name {b_device} mtu {mtu} netns {b.name}
            ip -n {a.name} link set {a_device} up && ip -n {b.name} link set {b_device} up
            for end in "{a.name} {a_device}" "{b.name} {b_device}"; do
              set -- $end
              nsenter --net=/run/netns/$1 /bin/ethtool -K $2 txvlan off tx-vlan-stag-hw-insert off tx off >/dev/null
            done""")

    def close(self):
        for space in reversed(self.made):
            space.delete()


@pytest.fixture(name="spaces")
def _spaces(guest):
    made = Spaces(guest)
    yield made
    made.close()


def ping(space, address, sizes=(56,)):
    """Each is answered, with the payload that was sent."""
    for size in sizes:
        said = space.run("ping", "-n", "-c", "1", "-W", "10", "-s", size, address, timeout_s=30).stdout
        assert "wrong data" not in said, said


def reaches(space, address):
    return space.run("ping", "-n", "-c", "1", "-W", "1", address, check=False).returncode == 0


def vlan_counters(space, port, vlan):
    """Packets that Linux's bridge counts in a VLAN of a port: (received, sent)."""
    for shown in json.loads(space.run("bridge", "-j", "-s", "vlan", "show", "dev", port).stdout):
        for entry in shown["vlans"]:
            if entry["vid"] == vlan:
                return entry["rx_packets"], entry["tx_packets"]
    raise AssertionError(f"{port} has no VLAN {vlan}")


def linux_bridge(spaces):
    """Two of Linux's bridges, since one has tags of one type; and p1 to p4 behind them."""
    space = spaces.add("lbridge")
    hosts = []
    for number in range(1, 5):
        host = spaces.add(f"p{number}")
        spaces.cable(space, f"b{number}", host, "eth0")
        host.ip("addr", "add", f"10.0.0.{10 + number}/24", "dev", "eth0")
        host.ip("addr", "add", f"fd00::{10 + number:x}/64", "dev", "eth0", "nodad")
        hosts.append(host)
    options = "vlan_filtering 1 vlan_default_pvid 0 vlan_stats_enabled 1 vlan_stats_per_port 1 mcast_snooping 0"
    space.run("sh", "-c", f"""
        set -e
        ip link add br0 type bridge {options}
        ip link add br1 type bridge {options} vlan_protocol 802.1ad
        for port in b1 b2 b3; do ip link set $port master br0; done
        ip link set b4 master br1
        for number in 1 2 3; do bridge vlan add dev b$number vid ${{number}}0 pvid untagged; done
        bridge vlan add dev b4 vid 100 pvid untagged
        ip link set br0 up; ip link set br1 up""")
    return space, hosts


def test_trunk_to_linux_s_bridge(scene, spaces):
    """Tagged, native and QinQ frames arrive both ways, in their VLAN only; the counters of Linux's bridge say that
    they had the tag of that VLAN."""
    bridge, theirs = linux_bridge(spaces)
    customer = spaces.add("c1")
    spaces.cable(scene.switch, "c1", customer, "eth0")
    spaces.cable(scene.switch, "core", bridge, "core", mtu=1504)
    spaces.cable(scene.switch, "qinq", bridge, "qinq", mtu=1504)
    customer.ip("addr", "add", "10.0.0.4/24", "dev", "eth0")
    customer.ip("addr", "add", "fd00::4/64", "dev", "eth0", "nodad")
    bridge.run("sh", "-c", """
        set -e
        ip link set core master br0
        bridge vlan add dev core vid 10
        bridge vlan add dev core vid 20
        bridge vlan add dev core vid 30 pvid untagged
        ip link set qinq master br1
        bridge vlan add dev qinq vid 100""")
    daemon = scene.starocean({
        "version": 1, "memory": {"frames": 20480, "hugepages": "none"},
        "interfaces": {name: {"rings": {"rx": 1024, "tx": 1024, "fill": 1024, "completion": 1024}} for name in MEMBERS},
        "bridges": {"office": {"interfaces": MEMBERS}}})
    ours = [host.namespace for host in scene.hosts] + [customer]
    for number, (near, far) in enumerate(zip(ours, theirs), 1):
        ping(near, f"10.0.0.{10 + number}", SIZES)
        ping(far, f"10.0.0.{number}", SIZES)
        ping(near, f"fd00::{10 + number:x}")
    for near, number in ((ours[0], 12), (ours[1], 13), (ours[2], 11), (ours[3], 11)):
        assert not reaches(near, f"10.0.0.{number}"), f"VLANs are not apart: 10.0.0.{number} answers"
    for port, vlan in (("core", 10), ("core", 20), ("core", 30), ("qinq", 100)):
        received, sent = vlan_counters(bridge, port, vlan)
        assert received >= 2 * len(SIZES) and sent >= 2 * len(SIZES), f"{port}, VLAN {vlan}: {received}, {sent}"
    # Customers' own tags cross the provider's as payload: VLAN devices of Linux at both ends.
    for host, address in ((customer, "10.7.0.1"), (theirs[3], "10.7.0.2")):
        host.ip("link", "add", "link", "eth0", "name", "v7", "type", "vlan", "id", 7)
        host.ip("addr", "add", f"{address}/24", "dev", "v7")
        host.ip("link", "set", "v7", "mtu", "1496", "up")
    ping(customer, "10.7.0.2", (56, 1400))
    ping(theirs[3], "10.7.0.1", (56, 1400))
    drops = {name: count for name, count in daemon.counters().items() if name.startswith("drop_vlan") and count}
    assert drops == {}
    daemon.assert_conserved()


def test_vlan_devices_of_hosts(scene, spaces):
    """A host with a VLAN device for each VLAN of its trunk talks with those on access ports; and one with a device in
    an S-VLAN with a customer behind it."""
    trunk = spaces.add("trunk")
    spaces.cable(scene.switch, "core", trunk, "eth0", mtu=1508)
    for vlan in (10, 20):
        trunk.ip("link", "add", "link", "eth0", "name", f"v{vlan}", "type", "vlan", "id", vlan)
        trunk.ip("addr", "add", f"10.{vlan}.0.9/24", "dev", f"v{vlan}")
        trunk.ip("link", "set", f"v{vlan}", "mtu", "1500", "up")
    for host, vlan in zip(scene.hosts, (10, 20)):
        host.namespace.ip("addr", "add", f"10.{vlan}.0.{host.number}/24", "dev", "eth0")
    scene.starocean({
        "version": 1, "memory": {"frames": 20480}, "interfaces": {"lan1": {}, "lan2": {}, "core": {}},
        "bridges": {"office": {"interfaces": {"lan1": {"vlan": 10}, "lan2": {"vlan": 20}, "core": {"trunk": [10, 20]}}}}})
    for host, vlan in zip(scene.hosts, (10, 20)):
        ping(host.namespace, f"10.{vlan}.0.9", SIZES)
        ping(trunk, f"10.{vlan}.0.{host.number}", SIZES)
        host.namespace.ip("addr", "del", f"10.{vlan}.0.{host.number}/24", "dev", "eth0")


def test_a_vlan_device_of_linux_routes(scene, spaces):
    """`vlans:` with a device that Linux has: its addresses, routes and neighbours are followed, packets go past it."""
    uplink = spaces.add("uplink")
    spaces.cable(scene.switch, "wan", uplink, "eth0", mtu=1504)
    uplink.ip("link", "add", "link", "eth0", "name", "v35", "type", "vlan", "id", 35)
    uplink.ip("addr", "add", "10.35.0.1/24", "dev", "v35")
    uplink.ip("link", "set", "v35", "mtu", "1500", "up")
    uplink.ip("route", "add", "10.0.0.0/24", "via", "10.35.0.254")
    host = scene.hosts[0].namespace
    host.ip("route", "add", "10.35.0.0/24", "via", "10.0.0.254")
    scene.switch.sysctl("net.ipv4.ip_forward", 0)
    scene.switch.ip("addr", "add", "10.0.0.254/24", "dev", "lan1")
    scene.switch.ip("link", "add", "link", "wan", "name", "wan.35", "type", "vlan", "id", 35)
    scene.switch.ip("addr", "add", "10.35.0.254/24", "dev", "wan.35")
    scene.switch.ip("link", "set", "wan.35", "mtu", "1500", "up")
    daemon = scene.starocean({
        "version": 1, "memory": {"frames": 20480}, "interfaces": {"lan1": {}, "wan": {}},
        "vlans": {"wan.35": {"link": "wan", "id": 35}}, "vrfs": {"main": {"interfaces": ["lan1", "wan.35"]}}})
    ping(host, "10.35.0.254")  # Linux's own
    ping(uplink, "10.35.0.254")
    ping(host, "10.35.0.1", SIZES)
    ping(uplink, "10.0.0.1", SIZES)
    assert daemon.counters()["routed4"] >= 4 * len(SIZES)
    scene.switch.ip("link", "del", "wan.35")
    host.ip("route", "del", "10.35.0.0/24")
