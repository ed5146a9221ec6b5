"""`on_exit: block`: whatever becomes of the daemon, Linux forwards nothing in its place."""

import re
import socket

import pytest

from starocean_lab import router, traffic, wait_until
from starocean_lab.router import json_of


def _count_what_linux_forwards(space):
    rules = "table inet watch { chain forward { type filter hook forward priority 0; counter\n}\n}"
    space.run("nft", rules)


def _forwarded_by_linux(space):
    for rule in json_of(space.run("nft", "-j", "list", "table", "inet", "watch"))["nftables"]:
        if "rule" in rule:
            return rule["rule"]["expr"][0]["counter"]["packets"]
    raise AssertionError("nft shows no counter")


def _program(space, device):
    """The id of the XDP program of a device; None without one."""
    return space.links()[device].get("xdp", {}).get("prog", {}).get("id")


def test_linux_forwards_nothing_in_our_place(lab):
    """Traffic all the while; a session with Linux itself too. Killed, started, stopped, started, reloaded: what
    passes is what we pass."""
    daemon, space, (a, b) = router.routed(lab, 2, forwarding=True, config={"on_exit": "block"})
    _count_what_linux_forwards(space)
    def nothing_passes():
        for options in ((), ("-6",)):
            target = b.ipv6 if options else b.ipv4
            assert a.run("ping", *options, "-n", "-c", "3", "-i", "0.2", "-W", "1", target, check=False).returncode != 0
            assert b.run("ping", *options, "-n", "-c", "1", "-W", "1", a.ipv6 if options else a.ipv4,
                         check=False).returncode != 0
    def passes(*targets):
        """Beside the load an echo may be lost like any other packet, and is asked for again."""
        for target in targets:
            wait_until(lambda: a.reaches(target), f"{target} answers", 20)
    passes(b.ipv4, b.ipv6)
    with router.Session(space, a) as session, traffic.Background(traffic.udp_load(a, b)):
        for end in ("kill", "stop", "kill"):
            passes(b.ipv4, b.ipv6)
            program = _program(space, "net1")
            assert program
            if end == "kill":
                daemon.kill()
            else:
                assert daemon.stop() == 0
                assert "nothing passes the interfaces until starocean runs again" in daemon.log()
            assert _program(space, "net1") == program
            nothing_passes()
            session.talks(end.encode())
            daemon.start()
            passes(b.ipv4)
            assert _program(space, "net1") not in (None, program)
            session.talks(b"again")
        daemon.reload()
        passes(b.ipv4)
        # Attached anew, since its rings are others: replaced in one step.
        before = _program(space, "net1")
        config = {"version": 1, "memory": {"frames": 32768}, "on_exit": "block",
                  "interfaces": {"net1": {"rings": {"rx": 1024}}, "net2": {}}, "vrfs": {"main": {"interfaces": ["net1", "net2"]}}}
        daemon.reload(config)
        assert _program(space, "net1") not in (None, before)
        passes(b.ipv4)
        # The same device under another name.
        config["interfaces"]["uplink"] = {"device": "net1", **config["interfaces"].pop("net1")}
        config["vrfs"]["main"]["interfaces"] = ["uplink", "net2"]
        daemon.reload(config)
        passes(b.ipv4)
        assert _forwarded_by_linux(space) == 0
    daemon.assert_conserved()
    # The counter counts: without our program Linux does forward.
    daemon.stop()
    for device in ("net1", "net2"):
        space.ip("link", "set", "dev", device, "xdp", "off")
    a.ping(b.ipv4)
    assert _forwarded_by_linux(space) > 0


def _config(count, on_exit="block"):
    names = [f"net{number}" for number in range(1, count + 1)]
    return {"version": 1, "on_exit": on_exit, "memory": {"frames": 32768}, "interfaces": {name: {} for name in names},
            "vrfs": {"main": {"interfaces": names}}}


def test_what_is_no_longer_configured_is_linux_s_again(lab):
    daemon, space, _ = router.routed(lab, 3, config=_config(3))
    # By a reload.
    daemon.reload(_config(2))
    assert _program(space, "net3") is None and _program(space, "net1")
    # Between two lives.
    daemon.kill()
    daemon.write_config(_config(1))
    daemon.start()
    assert _program(space, "net2") is None and _program(space, "net1")
    assert "1 devices that were left blocked are Linux's again" in daemon.log()
    # It is no longer to block: what was left is taken over, and goes.
    daemon.kill()
    daemon.write_config(_config(1, "pass"))
    daemon.start()
    assert _program(space, "net1")
    daemon.write_config(_config(1))
    refused = daemon.cli("reload", check=False)
    assert refused.returncode == 1
    assert "'on_exit' has changed, which a running daemon cannot follow" in refused.stderr
    daemon.stop()
    assert _program(space, "net1") is None


def test_another_daemon_does_not_take_what_was_left(lab):
    """Whose socket, and so whose notes, are others: refused, with what to do. That then works."""
    daemon, space, _ = router.routed(lab, 1, config=_config(1))
    daemon.kill()
    program = _program(space, "net1")
    other = lab.starocean(space, _config(1), name="other", start=False).launch()
    assert other.wait() == 1
    remedy = re.search(r"`(ip link set dev net1 xdp off)`", other.log())
    assert remedy, other.log()
    assert _program(space, "net1") == program
    space.run("sh", "-c", remedy[1])
    other.start()
    # A device that goes takes its program along; the notes do not keep it.
    space.ip("link", "del", "net1")
    wait_until(lambda: other.interface("net1")["state"] == "absent", "the device is gone")
    assert other.stop() == 0
    assert not other.socket_path.with_name(other.socket_path.name + ".left").exists()


def test_a_bridge_passes_nothing(lab):
    """Bridge members are taken whole, so nothing at all arrives in Linux."""
    space = lab.switch()
    hosts = [lab.host(number, space) for number in (1, 2)]
    daemon = lab.starocean(space, {"version": 1, "on_exit": "block", "memory": {"frames": 32768},
                                   "interfaces": {"lan1": {}, "lan2": {}},
                                   "bridges": {"lan": {"interfaces": ["lan1", "lan2"]}}})
    hosts[0].ping(hosts[1].ipv4)
    daemon.kill()
    watch = space.open_socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    watch.bind(("lan1", 3))
    watch.settimeout(0.5)
    assert hosts[0].namespace.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", hosts[1].ipv4,
                                  check=False).returncode != 0
    with pytest.raises(socket.timeout):
        watch.recv(2000)
    daemon.start()
    hosts[0].ping(hosts[1].ipv4)
    watch.close()
    assert daemon.stop() == 0
    for port in ("lan1", "lan2"):
        assert _program(space, port)
        space.ip("link", "set", "dev", port, "xdp", "off")
