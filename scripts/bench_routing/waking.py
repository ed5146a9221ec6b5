"""From idle to the first packet: the delay of packets that come so seldom that the worker sleeps before each, by way of
polling. With `poll: busy` it never sleeps; what that has less is what waking costs."""

import os

from starocean_lab import Lab, LabError, gen
from starocean_lab.daemon import binary
from starocean_lab.lab import bridge_config

POLLS = ("adaptive", "interrupt", "busy")
PPS = 20  # one in 50 ms; adaptive sleeps after 0.2 ms
STREAM = 3


def _once(lab, poll, count):
    cpus = sorted(os.sched_getaffinity(0))
    switch = lab.switch()
    sender, sink = (lab.host(number, switch, ipv6=False) for number in (1, 2))
    daemon = lab.starocean(switch, {**bridge_config(2), "workers": {"cpus": [cpus[-1]], "poll": poll}})
    sender.ping(sink.ipv4)
    receiver = gen.Receiver(lab, sink.namespace, "eth0", "--stream", str(STREAM), "--count", str(count))
    sender.namespace.run(binary(), "gen", "send", "--interface", "eth0", "--stream", STREAM, "--destination-mac", sink.mac,
                         "--source-mac", sender.mac, "--size", "64", "--rate", PPS, "--count", count, "--engine", "xsk",
                         "--cpu", cpus[0], timeout_s=count / PPS + 60)
    got = receiver.result(end=False)
    daemon.assert_conserved()
    if got["result"]["distinct"] != count:
        raise LabError(f"of {count} packets {got['result']['distinct']} arrived")
    delay = got["result"]["delay_ns"]["from_sent"]
    return {key: delay[key] / 1e9 for key in ("p50", "p99", "max")}


def measure(seconds, repetitions, progress):
    """{poll: [{p50, p99, max} of each repetition]}; the ways of polling take turns."""
    found = {poll: [] for poll in POLLS}
    for number in range(repetitions):
        for poll, runs in found.items():
            progress(f"from idle to the first packet, {poll}, {number + 1} of {repetitions}")
            with Lab() as lab:
                runs.append(_once(lab, poll, PPS * seconds))
    return {"pps": PPS, "packets": PPS * seconds, "polls": found}
