"""Zero-copy that is not granted must not pass for granted: neither in these labs nor in the program."""

import pytest

from starocean_vm import assert_mode, sockets_of


@pytest.mark.parametrize("told, kernel", [("copy", "copy"), ("zero-copy", "copy"), ("copy", "zero-copy")])
def test_the_assertion_fails_when_either_side_says_copy(told, kernel):
    with pytest.raises(AssertionError, match="copy mode, not in zero-copy mode"):
        assert_mode("zero-copy", told, kernel, "lan1:0")


def test_a_card_without_zero_copy_fails_the_assertion(scene):
    echo = scene.echo("lan3", "10.0.0.50")
    scene.hosts[2].ping("10.0.0.50")
    with pytest.raises(AssertionError, match="lan3:0 is in copy mode, not in zero-copy mode"):
        assert_mode("zero-copy", echo.stats()["mode"], sockets_of(scene.switch)["lan3", 0], "lan3:0")


def test_required_zero_copy_is_granted_or_refused(scene):
    daemon = scene.switched(ports=("lan1", "lan3"), zerocopy="require", start=False).launch()
    assert daemon.wait(30) == 1
    assert "lan3" in daemon.log() and "zero-copy" in daemon.log(), daemon.log()
    assert sockets_of(scene.switch) == {}
