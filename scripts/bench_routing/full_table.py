"""A full table already in Linux: how long from the start of the daemon until packets follow it, and its memory."""

import os
import random
import time

from starocean_lab import Lab, LabError

from . import scene

WITNESSES = 64  # routes whose packets must all have arrived: the last one, and others at random


def _resident_bytes(daemon):
    return sum(mapping["resident_bytes"] for mapping in daemon.show("memory")["mappings"])


def _start(daemon, space, stations, addresses):
    """(seconds until a frame to every address got through, until the daemon also answered), from the launch."""
    probes = scene.Probes(space, stations)
    live = {}
    try:
        began = time.monotonic()
        daemon.launch()
        while len(live) < len(addresses):
            for key, address in enumerate(addresses):
                if key not in live:
                    probes.send(key, address)
            for station, key, sent in probes.receive():
                if station == scene.NEW:
                    live.setdefault(key, sent)
            if not daemon.running() or time.monotonic() > began + 120:
                raise LabError(f"{len(live)} of {len(addresses)} routes were followed within 120 s; the daemon said:\n"
                               f"{daemon.log_tail()}")
            time.sleep(0.005)
        while daemon.cli("show", "interfaces", "--json", check=False).returncode != 0:
            time.sleep(0.005)
        return max(live.values()) - began, time.monotonic() - began
    finally:
        probes.close()


def measure(routes, repetitions):
    table = scene.prefixes(routes)
    chosen = [table[-1], *random.Random(3).sample(table, WITNESSES - 1)]
    addresses = [address | (1 << (32 - length)) - 1 for address, length in chosen]
    with Lab() as lab:
        daemon, space, stations = scene.build(lab)
        daemon.start()
        without = _resident_bytes(daemon)
        daemon.stop()
        path = os.path.join(lab.directory, "routes.batch")
        scene.write_batch(path, table)
        space.run("ip", "-batch", path, timeout_s=300)
        live, answers, memory = [], [], []
        for _ in range(repetitions):
            both = _start(daemon, space, stations, addresses)
            live.append(both[0])
            answers.append(both[1])
            scene.check_routes(daemon, table)
            memory.append(_resident_bytes(daemon) - without)
            daemon.stop()
    return {"routes": routes, "live_s": live, "answers_s": answers, "memory_bytes": memory, "without_routes_bytes": without}
