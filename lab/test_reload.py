"""Reloads that change interfaces while the rest forwards: added, removed, renamed, swapped, refused."""

import copy

from starocean_lab import traffic, wait_until
from starocean_lab.lab import bridge_config
from starocean_lab.namespace import cable

from test_conservation import flood


def with_interface(config, name, **options):
    changed = copy.deepcopy(config)
    changed["interfaces"][name] = options
    return changed


def without_interface(config, name):
    changed = copy.deepcopy(config)
    del changed["interfaces"][name]
    changed["bridges"]["lan"]["interfaces"].remove(name)
    return changed


def refused(daemon, config, *fragments):
    daemon.write_config(config)
    done = daemon.cli("reload", check=False)
    assert done.returncode == 1
    for fragment in fragments:
        assert fragment in done.stderr, f"'{fragment}' is missing in: {done.stderr}"


def test_counters_outlive_interfaces(lab):
    """An interface that is removed under load keeps its part in the sums; one that changes, or comes back,
    counts on."""
    daemon, (a, b, c) = lab.switched(3)
    full = bridge_config(3)
    changed = with_interface(full, "lan3", checksums="off")
    with traffic.Background(flood(a, 200), flood(c, 100), traffic.udp_load(b, a)):
        for config in (without_interface(full, "lan3"), full, changed, full, without_interface(full, "lan3")):
            before = daemon.interface("lan1")["counters"]["rx_packets"]
            daemon.reload(config)
            wait_until(lambda b4=before: daemon.interface("lan1")["counters"]["rx_packets"] > b4 + 1000,
                       "traffic flows after the reload", 20, 0.1)
    daemon.assert_conserved()
    removed = daemon.show("interfaces")["removed_interfaces"]["counters"]
    assert removed["rx_packets"] > 0 and removed["tx_packets"] > 0
    # A frame of Linux's own may pass between two readings.
    wait_until(lambda: daemon.counters()["rx_packets"] == daemon.show("drops")["totals"]["rx_packets"],
               "two sums of the same counters agree")
    daemon.reload(full)
    assert daemon.interface("lan3")["counters"]["rx_packets"] >= removed["rx_packets"]
    assert daemon.show("interfaces")["removed_interfaces"]["counters"]["rx_packets"] == 0
    c.ping(a.ipv4)


def test_an_interface_is_renamed(lab):
    """Another name for the same device, and two names that swap devices."""
    daemon, (a, b, c) = lab.switched(3, ipv6=False)
    config = bridge_config(3)
    renamed = copy.deepcopy(config)
    del renamed["interfaces"]["lan1"]
    renamed["interfaces"]["wan1"] = {"device": "lan1"}
    renamed["bridges"]["lan"]["interfaces"] = ["wan1", "lan2", "lan3"]
    daemon.reload(renamed)
    assert daemon.interface("wan1")["device"] == "lan1"
    a.ping(b.ipv4)
    c.ping(a.ipv4)
    swapped = with_interface(config, "lan1", device="lan2")
    swapped["interfaces"]["lan2"] = {"device": "lan1"}
    daemon.reload(swapped)
    assert [daemon.interface(name)["device"] for name in ("lan1", "lan2")] == ["lan2", "lan1"]
    a.ping(b.ipv4)
    daemon.reload(config)
    a.ping(b.ipv4)
    b.ping(c.ipv4)


def test_an_absent_device_stands_in_nobodys_way(lab):
    """What is configured and not there is tolerated by a reload that has nothing to do with it; a new
    interface without a device is not."""
    daemon, (a, b, c) = lab.switched(3, ipv6=False)
    config = bridge_config(3)
    daemon.namespace.ip("link", "del", "lan2")
    wait_until(lambda: daemon.interface("lan2")["state"] == "absent", "lan2 is absent", 15, 0.1)
    config["bridges"]["lan"]["mac_aging"] = "60s"
    daemon.reload(config)
    daemon.reload(without_interface(config, "lan3"))
    daemon.reload(config)
    a.ping(c.ipv4)
    refused(daemon, with_interface(config, "lan9"), "lan9", "no device")
    refused(daemon, with_interface(config, "lan2", checksums="off"), "lan2", "no device")
    cable(daemon.namespace, "lan2", b.namespace, b.device, b_mac=b.mac)
    b.configure()
    wait_until(lambda: a.reaches(b.ipv4), "host 2 is reached through the new device", 15)


def test_a_refused_reload_changes_nothing(lab, foreign_object):
    """Refused before anything is touched, or after some of it was done: then it is undone."""
    switch = lab.switch()
    a, b, c = (lab.host(number, switch, ipv6=False) for number in (1, 2, 3))
    switch.ip("link", "set", "dev", "lan3", "xdp", "object", foreign_object, "section", "xdp")
    foreign = switch.links()["lan3"]["xdp"]["prog"]["id"]
    config = bridge_config(2)
    daemon = lab.starocean(switch, config)
    before = daemon.show("interfaces")
    refused(daemon, with_interface(config, "lan2", queues=7), "queues", "lan2", "it has 1")
    refused(daemon, with_interface(config, "nosuch0"), "nosuch0")
    assert daemon.show("interfaces")["generation"] == before["generation"]
    # lan1 is attached anew before lan3 turns out to be taken, or lan2 to have no zero-copy.
    worse = with_interface(with_interface(config, "lan1", checksums="off"), "lan3")
    refused(daemon, worse, "lan3", f"id {foreign}")
    taken = with_interface(with_interface(config, "lan1", device="lan2"), "lan2", device="lan3")
    refused(daemon, taken, "lan3", f"id {foreign}")
    refused(daemon, with_interface(config, "lan2", zerocopy="require"), "lan2", "zero-copy")
    after = daemon.show("interfaces")
    same = ("name", "device", "ifindex", "state", "problem", "bridge", "attach", "queues")
    assert [[port[key] for key in same] for port in after["interfaces"]] == \
        [[port[key] for key in same] for port in before["interfaces"]]
    assert switch.links()["lan3"]["xdp"]["prog"]["id"] == foreign
    a.ping(b.ipv4, count=5)
    daemon.reload(config)
    b.ping(a.ipv4)
