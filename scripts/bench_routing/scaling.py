"""Two queues of each interface and two workers against one and one, on two CPUs that generator and checker share with them.

Two stations send to two others through the switch, a stream each, live frames. With one worker, which has the last CPU, both
streams are generated on the first. With two, one per CPU, a stream is generated on each, and veth gives it to the queue of
that number, which the worker there serves; Linux carries a frame to its station where the worker sends it, in both cases."""

import json
import os
import subprocess

from starocean_lab import Lab, LabError, gen
from starocean_lab.daemon import binary
from starocean_lab.lab import bridge_config

FLOWS = 500  # of each stream
LOSS = 0.001
STEPS = 6    # of the search: to 1/64 of the flooded rate


def cpus():
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise LabError("cannot measure two workers: this process may use one CPU only")
    return allowed[0], allowed[-1]


class _Arrangement:
    """Four stations at one switch."""

    def __init__(self, lab, workers):
        first, last = cpus()
        self.lab = lab
        self.generator_cpus = (first, first) if workers == 1 else (first, last)
        switch = lab.switch()
        self.stations = [lab.host(number, switch, queues=workers, ipv6=False) for number in range(1, 5)]
        config = bridge_config(4, memory={"frames": 65536})  # as without the key
        config["workers"] = {"cpus": [last] if workers == 1 else [first, last], "poll": "adaptive"}
        self.daemon = lab.starocean(switch, config)
        for sender, sink in self._pairs():
            sender.ping(sink.ipv4)

    def _pairs(self):
        return list(zip(self.stations[::2], self.stations[1::2]))

    def _send(self, stream, rate, seconds):
        sender, sink = self._pairs()[stream]
        return sender.namespace.popen(
            binary(), "gen", "send", "--interface", "eth0", "--json", "--engine", "live", "--stream", str(stream),
            "--flows", str(FLOWS), "--order", "random", "--source-mac", sender.mac, "--destination-mac", sink.mac,
            "--rate", str(rate), "--duration", f"{int(seconds * 1000)}ms", "--cpu", str(self.generator_cpus[stream]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def trial(self, rate, seconds):
        """{received_pps, lost}: of both streams, frames a second that arrived and the share that did not. `rate` is each stream's."""
        receivers = [gen.Receiver(self.lab, sink.namespace, "eth0", "--flows", str(FLOWS), "--stream", str(stream),
                                  "--idle", "1s", "--duration", f"{int(seconds) + 30}s")
                     for stream, (_, sink) in enumerate(self._pairs())]
        senders = [self._send(stream, rate, seconds) for stream in (0, 1)]
        generated = received = 0
        for sender, receiver in zip(senders, receivers):
            out, said = sender.communicate(timeout=seconds + 60)
            if sender.returncode != 0:
                raise LabError(f"gen send ended with status {sender.returncode}: {said}")
            generated += json.loads(out)["result"]["generated"]
            got = receiver.result(end=False)["result"]
            if got["corrupted"] or got["duplicates"] or got["reordered"]:
                raise LabError(f"not as sent: {got}")
            received += got["distinct"]
        return {"received_pps": received / seconds, "lost": 1 - received / generated}


def _once(workers, seconds):
    with Lab() as lab:
        arrangement = _Arrangement(lab, workers)
        flooded = arrangement.trial("flood", seconds)
        low, high, best = 0, int(flooded["received_pps"] * 1.1), None
        for _ in range(STEPS):
            rate = (low + high) // 2
            trial = arrangement.trial(max(rate // 2, 1), seconds)
            if trial["lost"] <= LOSS:
                low, best = rate, trial
            else:
                high = rate
        arrangement.daemon.assert_conserved()
        return {"flooded_pps": flooded["received_pps"], "at_loss_pps": best["received_pps"] if best else 0.0}


def measure(seconds, repetitions, progress):
    """{workers: [one of each repetition]}; one and two take turns."""
    found = {1: [], 2: []}
    for number in range(repetitions):
        for workers, runs in found.items():
            progress(f"{workers} worker(s) and queue(s), {number + 1} of {repetitions}")
            runs.append(_once(workers, seconds))
    return {"flows": 2 * FLOWS, "loss": LOSS, "seconds": seconds,
            "workers": {str(workers): runs for workers, runs in found.items()}}
