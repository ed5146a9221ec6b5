"""A card drops what is not for its own address, before any program sees it. Whoever forwards for others
has to widen that, and to narrow it again. (veth itself lets everything through; lab/vm has cards that
do not.)"""

import json

from starocean_lab import router, wait_until


def promiscuity(namespace, device):
    """How many users of promiscuous mode Linux counts on the device."""
    [link] = json.loads(namespace.ip("-j", "-d", "link", "show", device).stdout)
    return link["promiscuity"]


def test_ports_receive_what_is_for_others_as_long_as_the_daemon_lives(lab):
    daemon, (a, b) = lab.switched(2)
    switch = daemon.namespace
    assert [promiscuity(switch, port) for port in ("lan1", "lan2")] == [1, 1]
    assert daemon.stop() == 0
    assert [promiscuity(switch, port) for port in ("lan1", "lan2")] == [0, 0]
    switch.ip("link", "set", "lan1", "promisc", "on")
    daemon.start()
    assert promiscuity(switch, "lan1") == 2
    a.ping(b.ipv4)
    daemon.kill()
    wait_until(lambda: promiscuity(switch, "lan2") == 0, "lan2 is itself again after kill -9", 5)
    assert promiscuity(switch, "lan1") == 1, "the administrator's own wish went with the daemon"


def test_a_port_that_leaves_the_configuration_is_itself_again(lab):
    daemon, _ = lab.switched(3, ipv6=False)
    config = json.loads(daemon.config_path.read_text())
    del config["interfaces"]["lan3"]
    config["bridges"]["lan"]["interfaces"].remove("lan3")
    daemon.reload(config)
    assert [promiscuity(daemon.namespace, f"lan{n}") for n in (1, 2, 3)] == [1, 1, 0]


def test_what_routes_is_not_promiscuous(lab):
    """A router is sent what it is to have; once it is in a bridge instead, it takes everything."""
    daemon, space, (a, b) = router.routed(lab, 2)
    assert [promiscuity(space, port) for port in ("net1", "net2")] == [0, 0]
    a.ping(b.ipv4)
    daemon.reload({"version": 1, "memory": {"frames": 32768}, "interfaces": {"net1": {}, "net2": {}},
                   "bridges": {"lan": {"interfaces": ["net1", "net2"]}}})
    assert [promiscuity(space, port) for port in ("net1", "net2")] == [1, 1]
    daemon.reload({"version": 1, "memory": {"frames": 32768}, "interfaces": {"net1": {}, "net2": {}},
                   "vrfs": {"main": {"interfaces": ["net1", "net2"]}}})
    assert [promiscuity(space, port) for port in ("net1", "net2")] == [0, 0]
    a.ping(b.ipv6)
