"""On the kernel of this system's own release, Linux 6.1 on Debian 12, the oldest that starocean is for: these cards have no
zero-copy there, and packets of several frames, a transmit budget and some programs' helpers are yet to come."""

import json
import socket

import pytest

from starocean_lab import LabError, wait_until
from starocean_vm import flood, flows, talk_without_loss

SIZES = {socket.AF_INET: (0, 1, 65, 1001, 1472, 1473, 40003), socket.AF_INET6: (0, 999, 1452, 1453, 9001)}
PAYLOAD_BYTES = 2_000_000


@pytest.mark.parametrize("poll", ["adaptive", "busy", "interrupt"])
def test_hosts_talk(old_scene, poll):
    a, b, _ = old_scene.hosts
    daemon = old_scene.switched(workers={"cpus": [0], "poll": poll})
    assert {port["mode"] for port in daemon.show("interfaces")["interfaces"]} == {"copy"}
    talk_without_loss(daemon, a, b, SIZES, PAYLOAD_BYTES)


def test_killed_and_started_under_load(old_scene):
    a, b, _ = old_scene.hosts
    daemon = old_scene.switched(start=False)
    with flood(a, b):
        for end in (daemon.kill, daemon.stop):
            daemon.start()
            flows(daemon)
            end()
            assert not old_scene.switch.has_xdp("lan1")
        daemon.start()
        flows(daemon)
    a.ping(b.ipv4, count=1)


def test_echo(old_scene):
    echo = old_scene.echo("lan1", "10.0.0.50")
    old_scene.hosts[0].ping_sizes("10.0.0.50", (0, 1, 65, 1001, 1472))
    assert echo.stats()["mode"] == "copy"


def test_generator_and_checker(old_scene):
    count = 3000
    host = old_scene.hosts[0]
    sink = old_scene.switch.popen("starocean", "gen", "receive", "--interface", "lan1", "--flows", 5, "--count", count,
                                  "--idle", "20s", "--json", log_path="/tmp/own-receive.log")

    def said(way):
        return old_scene.guest.shell(f"cat /tmp/own-{way}.log").stdout
    wait_until(lambda: sink.poll() is not None or "receiving on" in said("receive"), "gen receive is ready", 30)
    assert sink.poll() is None, said("receive")
    source = host.namespace.popen("starocean", "gen", "send", "--interface", "eth0", "--engine", "xsk", "--flows", 5,
                                  "--size", "imix", "--count", count, "--rate", 1000, "--json", log_path="/tmp/own-send.log")
    try:
        wait_until(lambda: source.poll() is not None and sink.poll() is not None, "both have ended", 60, every_s=0.5)
    except LabError as error:
        raise AssertionError(f"{error}: {said('send')} {said('receive')}") from error
    finally:
        old_scene.guest.shell(f"kill {source.pid} {sink.pid}", check=False)
    assert (source.poll(), sink.poll()) == (0, 0), said("send") + said("receive")
    result = json.loads(said("receive")[said("receive").index("{"):])["result"]
    assert result["distinct"] == count
    assert result["duplicates"] == result["reordered"] == result["corrupted"] == 0


def test_packets_of_several_frames_are_refused(old_scene):
    """The kernel cannot hand them over; said, with what to do, and not dropped in silence."""
    old_scene.switch.ip("link", "set", "lan1", "mtu", "3000")
    daemon = old_scene.switched(start=False).launch()
    assert daemon.wait(30) == 1
    assert "lan1" in daemon.log() and "MTU" in daemon.log(), daemon.log()


def test_doctor_knows_this_kernel(old_scene):
    done = old_scene.guest.shell("ip netns exec switch starocean doctor --json --trial always lan1", check=False)
    said = json.loads(done.stdout)
    [interface] = said["interfaces"]
    assert interface["trial"]["native"]["granted"] is True
    assert interface["trial"]["zero_copy"]["granted"] is False
    assert interface["trial"]["copy"]["granted"] is True
    findings = {finding["id"]: finding for finding in said["findings"]}
    release = old_scene.guest.shell("uname -r").stdout.strip()
    assert findings["kernel"]["verdict"] == "ok" and release.split("-")[0] in findings["kernel"]["text"]
