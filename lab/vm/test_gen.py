"""`starocean gen send` through a card that takes packets from user space without copying them."""

import json

import pytest

from starocean_lab import LabError, wait_until
from starocean_vm import assert_mode, sockets_of

COUNT = 3000
LINUX_ADDRESS = "10.0.0.101"


@pytest.mark.parametrize("wish, mode", [("require", "zero-copy"), ("off", "copy")])
def test_every_frame_arrives_and_linux_keeps_its_address(scene, wish, mode):
    host = scene.hosts[0]
    scene.switch.ip("addr", "add", f"{LINUX_ADDRESS}/24", "dev", "lan1")
    logs = {way: f"/tmp/gen-{way}-{mode}.log" for way in ("send", "receive")}

    def said(way):
        return scene.guest.shell(f"cat {logs[way]}").stdout
    sink = host.namespace.popen("starocean", "gen", "receive", "--interface", "eth0", "--flows", 5, "--count", COUNT,
                                "--idle", "20s", "--json", log_path=logs["receive"])
    wait_until(lambda: "receiving on" in said("receive"), "gen receive is ready", 30)
    source = scene.switch.popen("starocean", "gen", "send", "--interface", "lan1", "--engine", "xsk", "--zerocopy",
                                wish, "--flows", 5, "--size", "imix", "--count", COUNT, "--rate", 1000, "--json",
                                log_path=logs["send"])
    wait_until(lambda: "sending on" in said("send"), "gen send has begun", 30)
    sockets = sockets_of(scene.switch)
    # Meanwhile Linux receives by the same card, and answers.
    host.ping_sizes(LINUX_ADDRESS, (0, 1001, 1472))
    try:
        wait_until(lambda: source.poll() == 0 and sink.poll() == 0, "all was sent and received", 60, every_s=0.5)
    except LabError as error:
        raise AssertionError(f"{error}: {said('send')} {said('receive')}") from error
    finally:
        scene.guest.shell(f"kill {source.pid} {sink.pid}", check=False)
    sent, got = (json.loads(said(way)[said(way).index("{"):]) for way in ("send", "receive"))
    assert_mode(mode, sent["granted"]["mode"], sockets["lan1", 0], "lan1:0")
    assert sent["result"]["generated"] == sent["result"]["sent"] == COUNT
    result = got["result"]
    assert result["distinct"] == COUNT
    assert result["duplicates"] == result["reordered"] == result["corrupted"] == 0


def test_required_zero_copy_is_granted_or_refused(scene):
    done = scene.switch.run("starocean", "gen", "send", "--interface", "lan3", "--engine", "xsk", "--zerocopy",
                            "require", "--count", 1, check=False)
    assert done.returncode == 1 and done.stdout == "" and "zero-copy" in done.stderr, done
