"""`starocean wan` from beginning to end: changed while it runs, refused, killed, told to end, its cables pulled."""

import contextlib
import re

from starocean_lab import run, wait_until
from starocean_lab.daemon import binary
from starocean_lab.wan import WAYS
from starocean_lab.wan_scene import numbered, send_numbered
from starocean_lab.wire import frame

# ---- a link that is changed ----

def test_changes_hold_at_once_and_mistakes_change_nothing(scene):
    a, b = scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="1ms", loss="100%/0")
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for number in range(50):
            a_wire.send(numbered(number))
        wan.wait_counted(drop_loss=50)
        wan.set(loss="0")
        last = frame(b.mac, a.mac, b"the loss is over", size=60)
        a_wire.send(last)
        assert b_wire.received_before(last) == []
    before = wan.show()
    for status, wrong in ((1, ["--jitter", "2ms"]), (1, ["--delay", "5ms", "--reorder", "1%", "--jitter", "6ms/"]),
                          (2, ["--delay", "5"]), (2, ["--loss", "101%"]), (2, ["--latency", "5ms"]), (2, [])):
        done = wan.cli("set", *wrong, check=False)
        assert done.returncode == status and done.stderr.startswith("starocean: "), (wrong, done)
    assert [wan.way(way)["link"] for way in WAYS] == [before["directions"][way]["link"] for way in WAYS]


def test_the_control_socket_refuses_nonsense(scene):
    scene.two_hosts(ipv6=False)
    wan = scene.wan()

    def post(body):
        done = run("curl", "-s", "-o", "/dev/stderr", "-w", "%{http_code}", "--unix-socket", wan.socket_path,
                   "-H", "Content-Type: application/json", "--data-binary", body, "http://wan/v1/wan")
        return int(done.stdout), done.stderr
    for body in ("", "not JSON", "[]", '"x"', '{"a_to_b": 5}', '{"a_to_c": {}}', '{"a_to_b": {"delay": 5}}',
                 '{"a_to_b": {"dealy": "5ms"}}', '{"a_to_b": {"delay": "5ms"}, "b_to_a": {"delay": "x"}}',
                 '{"a_to_b": {"delay": "\\ud800"}}', "[" * 1000):
        code, answer = post(body)
        assert code == 422 and '"error"' in answer, (body[:40], code, answer)
    assert wan.way()["link"]["delay"] == "0", "half a change was made"
    code, answer = post('{"a_to_b": {"delay": "5ms"}}')
    assert code == 200 and '"delay":"5ms"' in answer


# ---- life and death ----

def test_killed_it_leaves_both_interfaces_to_linux(scene):
    a, b = scene.two_hosts(ipv6=False)
    scene.switch.ip("addr", "add", "10.0.0.101/32", "dev", "lan1")
    scene.switch.ip("route", "add", a.ipv4, "dev", "lan1")
    wan = scene.wan(delay="1ms")
    a.ping(b.ipv4)
    assert not a.reaches("10.0.0.101", patience_s=0.3), "while there is a link, all frames are the link's"
    wan.kill()
    for device in wan.devices:
        wait_until(lambda d=device: not scene.switch.has_xdp(d), f"{device} has no XDP program", 5)
    a.ping("10.0.0.101")
    again = scene.wan(delay="1ms")  # over what the killed one left behind
    a.ping(b.ipv4)
    assert again.running()


def test_told_to_end_it_counts_what_was_under_way(scene):
    scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="100s", rate="1M", duplicate="50%")
    with contextlib.ExitStack() as stack:
        a_wire, _ = scene.wires(stack)
        send_numbered(a_wire, 300)
        wait_until(lambda: wan.counters()["rx_packets"] == 300, "all frames are on the link")
        assert wan.way()["held"] >= 300
    assert wan.stop() == 0
    log = wan.log()
    summary = re.search(r"lan1 to lan2: in 300 out 0 lost 0 dropped (\d+) held 0", log)
    assert summary and int(summary.group(1)) > 300, log
    assert "all 32768 frames are accounted for" in log, log


def test_more_under_way_than_there_are_frames_for(scene):
    scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="100s", frames=21760)
    capacity = wan.show()["frames"]["capacity"]
    assert capacity == 128
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        send_numbered(a_wire, capacity + 50)
        wait_until(lambda: wan.counters()["rx_packets"] == capacity + 50, "all frames were seen")
        shown = wan.way()
        assert shown["held"] == capacity and shown["counters"]["drop_no_room"] == 50
        # The other direction has its own room.
        wan.set(delay="/0")
        b_wire.send(numbered(7))
        a_wire.expect(numbered(7))


def test_an_end_that_is_down_or_gone(scene):
    a, b = scene.two_hosts(ipv6=False)
    wan = scene.wan()
    with contextlib.ExitStack() as stack:
        a_wire, _ = scene.wires(stack)
        a.ping(b.ipv4)
        b.namespace.link_down(b.device)
        wait_until(lambda: not wan.show()["interfaces"]["b"]["up"], "b is shown as down")
        before = wan.counters()["rx_packets"]
        send_numbered(a_wire, 10)
        wait_until(lambda: wan.counters()["rx_packets"] == before + 10, "frames are seen")
        wait_until(lambda: wan.counters()["drop_egress_down"] == 10, "frames are dropped by name")
    b.namespace.link_up(b.device)
    wait_until(lambda: wan.show()["interfaces"]["b"]["up"], "b is shown as up")
    a.ping(b.ipv4)
    wan.assert_conserved()
    scene.switch.ip("link", "del", "lan2")
    assert wan.process.wait(20) == 1
    assert "interface 'lan2' is gone" in wan.log() and "frames are accounted for" in wan.log()


def test_bad_beginnings(scene):
    """Each is refused in one sentence, and touches nothing."""
    scene.two_hosts(ipv6=False)
    space = scene.switch

    def refused(*words, status=1, control=f"{scene.lab.directory}/other.sock"):
        done = space.run(binary(), "wan", "--socket", control, *words, check=False)
        assert done.returncode == status, done
        sentence = [line for line in done.stderr.splitlines() if line.startswith("starocean: ")]
        assert len(sentence) == 1, done.stderr
        return sentence[0]
    ends = ("--a", "lan1", "--b", "lan2")
    assert "the same interface" in refused("--a", "lan1", "--b", "lan1")
    assert "Linux has no device of this name" in refused("--a", "lan1", "--b", "lan9")
    assert "--frames 21632 or more" in refused(*ends, "--frames", "4096")
    assert "CPU 1000" in refused(*ends, "--cpu", "1000")
    assert "would leave before they have arrived" in refused(*ends, "--jitter", "1ms", status=2)
    wan = scene.wan()
    assert "another starocean" in refused(*ends)
    assert "another starocean is running" in refused(*ends, control=wan.socket_path)
    assert wan.running() and "the link is there" in wan.log()
