"""`starocean gen send` and `gen receive`: clean over a clean cable, and every fault of a bad one counted exactly.

The bad cable is this process: it takes generated frames off one cable and puts them on another, some of them
missing, twice, late or changed."""

import json
import os
import random
import signal
import subprocess

import pytest

from starocean_lab import gen
from starocean_lab.daemon import binary
from starocean_lab.shell import wait_until
from starocean_lab.wire import Wire

FAULTS = ("lost", "duplicates", "reordered", "corrupted", "beyond_window", "unknown_flow", "other_stream",
          "contended")


@pytest.fixture
def cable(lab):
    """(lab, sender, receiver): gen0 and sink0, joined."""
    sender, receiver = lab.switch("sender"), lab.switch("receiver")
    lab.cable(sender, "gen0", receiver, "sink0", mtu=3400)
    return lab, sender, receiver


@pytest.fixture
def jumbo_cable(lab):
    sender, receiver = lab.switch("sender"), lab.switch("receiver")
    lab.cable(sender, "gen0", receiver, "sink0", mtu=9600)
    return lab, sender, receiver


def through(cable, *traffic, count, flows=1, receive=(), rate="flood"):
    """Sends `count` frames over the cable; (what was sent, what was received)."""
    lab, sender, receiver = cable
    flow_words = ("--flows", flows)
    sink = gen.Receiver(lab, receiver, "sink0", *flow_words, "--count", count, *receive)
    sent = gen.send(sender, "gen0", *flow_words, "--count", count, "--rate", rate, "--cpu", 0, *traffic)
    # The receiver ends by itself when all have come; what the cable had no room for never does.
    return sent, sink.result(end=sent["result"]["dropped_by_egress"] > 0)


def without_flows(traffic):
    """The words but for "--flows N", and N."""
    if "--flows" not in traffic:
        return traffic, 1
    at = traffic.index("--flows")
    return traffic[:at] + traffic[at + 2:], traffic[at + 1]


def assert_clean(sent, received, count):
    """Every frame made it onto the cable, and over it as it was and in order."""
    assert sent["result"]["generated"] == sent["result"]["sent"] == count
    assert received["result"]["received"] == received["result"]["distinct"] == count
    assert {name: received["result"][name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    delay = received["result"]["delay_ns"]["from_sent"]
    assert 0 < delay["min"] <= delay["p50"] <= delay["p99"] <= delay["max"]


def test_a_million_frames_at_a_million_a_second(cable):
    """Or as many as STAROCEAN_GEN_FRAMES says."""
    count = int(os.environ.get("STAROCEAN_GEN_FRAMES", "1000000"))
    sent, received = through(cable, count=count, rate="1Mpps")
    assert_clean(sent, received, count)
    assert received["attach"] == "native" and sent["engine"] == "bpf-live-frames"
    assert sent["asked"]["frames_per_second"] == 1e6


@pytest.mark.parametrize("traffic", [
    ("--flows", 1000), ("--flows", 100_000, "--order", "random"),
    ("--ipv6", "--size", 84, "--flows", 10), ("--vlan", "10-12", "--size", 68, "--flows", 9),
    ("--ipv6", "--vlan", 5, "--size", 1522), ("--size", 1518), ("--size", "imix", "--flows", 7),
    ("--size", 3300, "--order", "random", "--flows", 3),
    ("--flows", 500, "--source", "10.0.0.1+50", "--destination", "10.1.0.1+50",
     "--destination-mac", "02:00:00:00:00:01+50")],
    ids=lambda words: " ".join(str(word).strip("-") for word in words))
def test_kinds_of_traffic(cable, traffic):
    words, flows = without_flows(traffic)
    count = 200_000
    sent, received = through(cable, *words, count=count, flows=flows)
    assert_clean(sent, received, count)
    assert received["flows_seen"] <= flows
    if "random" in traffic:
        assert received["flows_seen"] >= min(flows, count) * 0.8
    else:
        assert received["flows_seen"] == flows


# ---- by AF_XDP ----

def assert_all_that_left_is_here(sent, received, count):
    """In copy mode a veth may drop some of a flood; how many is known, and nothing else is wrong."""
    result = sent["result"]
    assert result["generated"] == count == result["sent"] + result["dropped_by_egress"]
    assert result["sent"] > 0
    wrong = {name: received["result"][name] for name in FAULTS}
    assert wrong == {**dict.fromkeys(FAULTS, 0), "lost": result["dropped_by_egress"]}
    assert received["result"]["distinct"] == result["sent"]


@pytest.mark.parametrize("traffic", [
    ("--size", 9018), ("--size", 9018, "--ipv6", "--vlan", "10-12", "--flows", 9), ("--size", "64,1518,4101,9618"),
    ("--engine", "xsk"), ("--engine", "xsk", "--size", "imix", "--flows", 10_000, "--order", "random")],
    ids=lambda words: " ".join(str(word).strip("-") for word in words))
def test_what_af_xdp_sends_arrives_whole(jumbo_cable, traffic):
    words, flows = without_flows(traffic)
    count = 50_000
    sent, received = through(jumbo_cable, *words, count=count, flows=flows, rate=40_000, receive=("--idle", "2s"))
    assert_all_that_left_is_here(sent, received, count)
    jumbo = "--engine" not in traffic
    assert sent["engine"] == "af-xdp"
    assert ("longer than live frames" in sent["engine_reason"]) == jumbo
    assert sent["granted"] == {"mode": "copy", "multi_buffer": jumbo, "queue": 0}
    assert ("copy mode, multi-buffer" in sent["said"]) == jumbo


def test_af_xdp_sends_to_an_end_that_takes_no_redirected_frames(lab):
    host, end = lab.switch("host"), lab.switch("end")
    lab.cable(host, "eth0", end, "sink0")
    with Wire(end, "sink0") as wire:
        sent = gen.send(host, "eth0", "--count", 100, "--rate", 1000, "--flows", 3)
        assert sent["engine"] == "af-xdp" and "no redirected frames" in sent["engine_reason"]
        seen = [gen.decode(wire.receive(gen.decode)) for _ in range(sent["result"]["sent"])]
    assert seen == [(0, number % 3, number // 3) for number in range(100)]


class BadCable:
    """Takes generated frames from one cable, and puts what it is told on another, to a receiver."""

    def __init__(self, lab, count, flows, *traffic):
        self.lab, self.count, self.flows = lab, count, flows
        sender, self.middle, self.end = lab.switch("sender"), lab.switch("middle"), lab.switch("end")
        lab.cable(sender, "gen0", self.middle, "in0")
        lab.cable(self.middle, "out0", self.end, "sink0")
        self.middle.run("ethtool", "-K", "in0", "gro", "on")  # or it takes no redirected frames
        wire = Wire(self.middle, "in0")
        sent = gen.send(sender, "gen0", "--count", count, "--flows", flows, "--rate", 20000, *traffic)
        assert sent["result"]["sent"] == count
        header_bytes = gen.HEADER_BYTES["ipv6" if "--ipv6" in traffic else "ipv4"]
        frames = [(frame, gen.decode(frame, header_bytes)) for frame in wire.frames(timeout_s=1)]
        self.frames = [frame for frame, probe in frames if probe]
        assert len(self.frames) == count
        self.flow_of = {frame: probe[1] for frame, probe in frames if probe}

    def carry(self, frames):
        """What the receiver says of these frames; it knows how many were generated."""
        sink = gen.Receiver(self.lab, self.end, "sink0", "--flows", self.flows, "--count", self.count,
                            "--idle", "1s", "--flow-rows", 64)
        with Wire(self.middle, "out0") as wire:
            for frame in frames:
                wire.send(frame)
        return sink.result(end=False)


def counts(report):
    return {name: report["result"][name] for name in FAULTS if report["result"][name]}


@pytest.mark.parametrize("traffic", [(), ("--ipv6", "--size", 90)], ids=["ipv4", "ipv6"])
def test_every_fault_is_counted_exactly(lab, traffic):
    dice = random.Random(1)
    flows = 20
    cable = BadCable(lab, 5000, flows, *traffic)
    clean = cable.frames
    assert counts(cable.carry(clean)) == {}

    kept = [frame for frame in clean if dice.random() > 0.05]
    assert counts(cable.carry(kept)) == {"lost": len(clean) - len(kept)}

    twice = [frame for frame in clean for _ in range(2 if dice.random() < 0.05 else 1)]
    assert counts(cable.carry(twice)) == {"duplicates": len(twice) - len(clean)}

    # Held back past 1 to 9 frames of its own flow: reordered by RFC 4737 whatever the distance.
    held = set(dice.sample(range(0, len(clean) - 10 * flows, 10 * flows), 15))
    late = sorted((number + (dice.randint(1, 9) * flows + 0.5 if number in held else 0), frame)
                  for number, frame in enumerate(clean))
    assert counts(cable.carry([frame for _, frame in late])) == {"reordered": len(held)}

    hurt = set(dice.sample(range(len(clean)), 137))
    changed = [spoilt(frame, dice) if number in hurt else frame for number, frame in enumerate(clean)]
    assert counts(cable.carry(changed)) == {"corrupted": len(hurt)}

    same = clean[:100] + [clean[99]] * 4900  # each frame in one buffer
    assert counts(cable.carry(same)) == {"lost": 4900, "duplicates": 4900}


def spoilt(frame, dice):
    """With one byte changed, somewhere behind the UDP ports."""
    at = dice.randrange(len(frame) - 22, len(frame))
    return frame[:at] + bytes([frame[at] ^ dice.randrange(1, 256)]) + frame[at + 1:]


def test_all_faults_at_once_by_flow(lab):
    """The counts of each flow, against a model that is a few lines of Python."""
    dice = random.Random(2)
    flows = 8
    cable = BadCable(lab, 4000, flows)
    carried = []
    for number, frame in enumerate(cable.frames):
        fate = dice.random()
        if fate < 0.03:
            continue
        place = number + (dice.randint(5, 300) + 0.5 if fate > 0.97 else 0)
        carried += [(place, frame)] * (2 if 0.5 < fate < 0.54 else 1)
    carried = [frame for _, frame in sorted(carried, key=lambda entry: entry[0])]
    report = cable.carry(carried)
    expected = {flow: dict(received=0, duplicates=0, reordered=0, lost=0) for flow in range(flows)}
    seen = {flow: set() for flow in range(flows)}
    for frame in carried:
        _, flow, sequence = gen.decode(frame)
        expected[flow]["received"] += 1
        if sequence in seen[flow]:
            expected[flow]["duplicates"] += 1
        elif seen[flow] and sequence < max(seen[flow]):
            expected[flow]["reordered"] += 1
        seen[flow].add(sequence)
    for flow, numbers in seen.items():
        expected[flow]["lost"] = max(numbers) + 1 - len(numbers)
    assert {row["flow"]: {name: row[name] for name in expected[0]} for row in report["per_flow"]} == expected
    assert report["result"]["lost"] == len(cable.frames) - sum(len(numbers) for numbers in seen.values())


def test_what_is_not_a_probe_goes_to_linux(lab):
    host, end = lab.switch("host"), lab.switch("end")
    lab.cable(host, "eth0", end, "sink0")
    host.ip("addr", "add", "10.0.0.1/24", "dev", "eth0")
    end.ip("addr", "add", "10.0.0.2/24", "dev", "sink0")
    sink = gen.Receiver(lab, end, "sink0")
    host.run("ping", "-c", 5, "-i", 0.01, "-W", 5, "10.0.0.2")
    report = sink.result()
    assert report["interrupted"] and report["result"]["received"] == 0
    assert report["result"]["foreign"] >= 6  # 5 pings and an ARP request
    assert not end.has_xdp("sink0")


def rx_packets(namespace, device):
    return json.loads(namespace.ip("-s", "-j", "link", "show", device).stdout)[0]["stats64"]["rx"]["packets"]


@pytest.mark.parametrize("engine", ["live", "xsk"])
def test_interrupted_with_the_result_so_far(cable, engine):
    lab, sender, receiver = cable
    sink = gen.Receiver(lab, receiver, "sink0")
    source = sender.popen(binary(), "gen", "send", "--interface", "gen0", "--json", "--rate", 1000,
                          "--engine", engine, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: rx_packets(receiver, "sink0") > 10, "frames arrive")
    source.send_signal(signal.SIGINT)
    out, _ = source.communicate(timeout=20)
    assert source.returncode == 0
    sent = json.loads(out)
    assert sent["interrupted"] and sent["result"]["sent"] > 0
    report = sink.result()
    assert report["interrupted"] and report["result"]["received"] == sent["result"]["sent"]
    assert counts(report) == {}


def test_an_unreachable_rate_is_said(cable):
    sent, received = through(cable, count=100_000, rate="900Mpps")
    assert sent["status"] == 0
    assert sent["result"]["rate_reached"] is False
    assert "rate was not reached" in sent["said"]
    assert received["result"]["distinct"] == sent["result"]["sent"]


def test_a_deaf_end_is_an_error(cable):
    _, sender, _ = cable
    sent = gen.send(sender, "gen0", "--count", 1000, "--rate", "flood", "--engine", "live", check=False)
    assert sent["status"] == 1
    assert sent["result"] | {"sent": 0, "generated": 1000} == sent["result"]
    assert "XDP program" in sent["said"]
