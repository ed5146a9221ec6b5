"""`starocean doctor` on cards that can do zero-copy and on one that cannot, by trial."""

import json
import re

import pytest


def report(scene, port):
    """What doctor says of one port: (the interface's part of its JSON, its findings by name)."""
    # Not by nsenter: doctor reads the namespace's own /sys.
    done = scene.guest.shell(f"ip netns exec switch starocean doctor --json --trial always {port}", check=False)
    said = json.loads(done.stdout)
    assert said["schema_version"] == 1
    [interface] = said["interfaces"]
    return interface, {finding["id"]: finding for finding in said["findings"] if finding["interface"] == port}


@pytest.fixture(autouse=True)
def _has_doctor(scene):
    if not re.search(r"^\s+doctor\b", scene.guest.shell("starocean --help").stdout, re.M):
        pytest.skip("this build has no `starocean doctor`")


@pytest.mark.parametrize("port, granted", [("lan1", True), ("lan3", False)])
def test_the_verdict_is_what_the_card_grants(scene, port, granted):
    interface, findings = report(scene, port)
    assert interface["driver"] == "virtio_net"
    assert interface["trial"]["native"]["granted"] is True
    assert interface["trial"]["zero_copy"]["granted"] is granted
    assert interface["trial"]["copy"]["granted"] is True
    assert ("itself" in findings["zero-copy"]["text"]) is granted, findings["zero-copy"]
