"""`starocean gen send --pcap`: what tcpdump at the other end sees is what the capture holds, in content, order, count."""

import json
import random
import signal
import subprocess

import pytest

from starocean_lab import gen, machine, pcap, run, wait_until
from starocean_lab.daemon import binary
from starocean_lab.wire import frame

EPOCH_NS = 1_700_000_000_123_456_789
MTU = 9000
MACS = ("02:00:00:00:00:02", "02:00:00:00:00:01")


@pytest.fixture
def cable(lab):
    reason = machine.missing(("tcpdump", "editcap"))
    if reason:
        pytest.skip(reason)
    sender, receiver = lab.switch("sender"), lab.switch("receiver")
    lab.cable(sender, "gen0", receiver, "sink0", mtu=MTU)
    return lab, sender, receiver


def recorded(count, sizes=(14, 15, 59, 60, 61, 590, 1513, 1514, 2049, 4096, 4097, 8193, 9014), gap_ns=400_000, seed=1):
    """Frames of these sizes and of any in between, some tagged, at random distances."""
    dice = random.Random(seed)
    frames, time_ns = [], EPOCH_NS
    for number in range(count):
        size = sizes[number] if number < len(sizes) else dice.randint(60, 1514)
        tags = [(), ((0x8100, 7),), ((0x88A8, 100), (0x8100, 7))][dice.randrange(3)] if size > 100 else ()
        frames.append((time_ns, frame(*MACS, dice.randbytes(size), tags=tags, size=size)))
        time_ns += dice.randrange(2 * gap_ns)
    return frames


def replay(cable, path, *options, expected):
    """Sends the file; (report, what tcpdump at the other end has recorded)."""
    lab, sender, receiver = cable
    tcpdump = pcap.Tcpdump(lab, receiver, "sink0")
    sent = gen.send(sender, "gen0", "--pcap", path, *options)
    assert sent["result"]["generated"] == sent["result"]["sent"] == expected, sent
    return sent, tcpdump.frames(expected)


@pytest.mark.parametrize("kind", ["microseconds", "nanoseconds, big-endian", "pcapng"])
def test_every_frame_arrives_as_it_was(cable, kind):
    frames = recorded(500)
    path = f"{cable[0].directory}/recorded.pcap"
    pcap.write(path, frames, order=">" if "big-endian" in kind else "<", nanoseconds=kind != "microseconds")
    if kind == "pcapng":
        run("editcap", "-F", "pcapng", path, path + "ng")
        path += "ng"
    sent, seen = replay(cable, path, "--rate", 5000, expected=500)
    assert seen == [data for _, data in frames]
    assert sent["engine"] == "af-xdp" and sent["granted"]["multi_buffer"]
    assert sent["capture"]["frames"] == 500 and not any(sent["capture"]["left_out"].values())
    span_ns = frames[-1][0] - frames[0][0]
    assert abs(sent["capture"]["seconds"] * 1e9 - span_ns) < (1 if kind != "microseconds" else 2000) + span_ns * 1e-12


def test_in_loops_and_no_faster_than_recorded(cable):
    """Two times, twice as fast: no frame is sent before it is due, so that the last one tells how long it took."""
    frames = recorded(200, sizes=(), gap_ns=2_000_000)
    path = f"{cable[0].directory}/recorded.pcap"
    pcap.write(path, frames)
    sent, seen = replay(cable, path, "--loop", 2, "--pace", "recorded", "--speed", 2, expected=400)
    assert seen == [data for _, data in frames] * 2
    span_ns = frames[-1][0] - frames[0][0]
    assert sent["result"]["seconds"] * 1e9 >= (2 * span_ns + span_ns // 199) / 2 - 10
    assert sent["asked"]["rate"] == "as recorded" and sent["asked"]["speed"] == 2
    assert sent["result"]["rate_reached"] is None


def test_what_cannot_be_sent_is_counted(cable):
    good = recorded(20, sizes=(60,))
    long = (EPOCH_NS, frame(*MACS, b"x", size=MTU + 19))
    tiny = (EPOCH_NS, b"tiny")
    path = f"{cable[0].directory}/recorded.pcap"
    pcap.write(path, good[:10] + [long, tiny, (EPOCH_NS, good[0][1][:50])] + good[10:],
               wire_bytes=lambda data: 60 if len(data) == 50 else len(data))
    with open(path, "ab") as file:
        file.write(b"a stub")
    sent, seen = replay(cable, path, "--rate", 1000, expected=20)
    assert seen == [data for _, data in good]
    assert sent["capture"]["left_out"] == {"cut_off": 1, "too_long": 1, "too_short": 1}
    assert "truncated" in sent["capture"]["ends_early"] and "3 frames of the capture are left out" in sent["said"]


def test_interrupted_it_has_sent_what_it_says(cable):
    lab, sender, receiver = cable
    frames = recorded(100, sizes=())
    path = f"{lab.directory}/recorded.pcap"
    pcap.write(path, frames)
    tcpdump = pcap.Tcpdump(lab, receiver, "sink0")
    source = sender.popen(binary(), "gen", "send", "--interface", "gen0", "--json", "--pcap", path, "--loop", 0,
                          "--rate", 2000, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    wait_until(lambda: len(pcap.read(tcpdump.path)) > 250, "frames arrive", every_s=0.05)
    source.send_signal(signal.SIGINT)
    sent = json.loads(source.communicate(timeout=20)[0])
    assert source.returncode == 0 and sent["interrupted"]
    count = sent["result"]["sent"]
    seen = tcpdump.frames(count)
    assert seen == ([data for _, data in frames] * (count // 100 + 1))[:count]


def test_bad_captures_are_refused_in_a_sentence(cable):
    lab, sender, _ = cable
    path = f"{lab.directory}/bad.pcap"

    def refused(*words):
        done = sender.run(binary(), "gen", "send", "--interface", "gen0", "--pcap", *(words or (path,)), check=False)
        assert done.returncode == 1 and done.stdout == "", done
        assert done.stderr.startswith("starocean: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr
    assert "No such file" in refused()
    with open(path, "wb") as file:
        file.write(b"\x1f\x8b compressed, say")
    assert "pcap or pcapng format" in refused()
    pcap.write(path, [])
    assert "it has no frames" in refused()
    pcap.write(path, recorded(1), link_type=113)
    assert "not Ethernet but Linux cooked" in refused()
    pcap.write(path, recorded(5, sizes=(9014,) * 5), wire_bytes=lambda data: len(data) + 1)
    assert "tcpdump -s 0" in refused()
    pcap.write(path, recorded(1, sizes=(200,)))
    assert "add --line-rate" in sender.run(binary(), "gen", "send", "--interface", "gen0", "--pcap", path, "--rate",
                                           "10%", check=False).stderr
