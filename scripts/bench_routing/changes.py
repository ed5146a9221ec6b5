"""How soon a change of a route in Linux is followed by packets: alone, and while a full table is being added."""

import os
import random
import subprocess
import time

from starocean_lab import Lab, LabError, wait_until

from . import scene

MARKERS = 198 << 24 | 18 << 16  # 198.18.0.0/15: RFC 2544's addresses for benchmarks
CHANGE_EVERY_S = 0.01  # while routes are being added
AFTER_S = 0.003  # for how long a marker is still probed once a frame has followed its new route


def percentile(values, share):
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


class _Follower:
    """Changes one marker's route after the other and probes those that are not known to be followed.

    The lag of a change is from the call to Linux until the time of sending of the first frame that followed the new
    route, or of the last one that followed the old route if that was later: too long by at most the distance of frames."""

    def __init__(self, space, stations):
        self.probes = scene.Probes(space, stations)
        self.changer = scene.RouteChanger(space)
        self.began, self.new, self.old, self.lags, self._last = {}, {}, {}, {}, {}

    def close(self):
        self.probes.close()
        self.changer.close()

    def change(self, key):
        self.began[key] = self.changer.replace(MARKERS + key, 32, scene.NEW)

    def step(self):
        """Sends a frame to each marker under way, takes what arrived, and settles what is known."""
        for key in self.began:
            if key not in self.lags:
                self.probes.send(key, MARKERS + key)
        for station, key, sent in self.probes.receive():
            if station == scene.NEW:
                self.new[key] = min(sent, self.new.get(key, sent))
            else:
                self.old[key] = max(sent, self.old.get(key, sent))
        now = time.monotonic()
        for key, when in self.new.items():
            if key not in self.lags and now > when + AFTER_S:
                self.lags[key] = max(when, self.old.get(key, 0.0)) - self.began[key]
        for key in self.lags:
            self.began.pop(key, None)

    def finish(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        while self.began:
            self.step()
            if time.monotonic() > deadline:
                raise LabError(f"{len(self.began)} of {len(self.lags) + len(self.began)} changes were not followed "
                               f"within {timeout_s} s")
            time.sleep(0.0005)


def _prepare(space, replaced=()):
    """Markers go to the old station by one route for all, or, those to be replaced, by one each."""
    space.ip("route", "add", "198.18.0.0/15", "via", f"10.{scene.OLD}.0.1")
    for key in replaced:
        space.ip("route", "add", f"{scene.address_text(MARKERS + key)}/32", "via", f"10.{scene.OLD}.0.1")


def single(count):
    """Lags in seconds of COUNT single changes on an idle daemon, half of them of new routes, half of routes replaced."""
    dice = random.Random(5)
    with Lab() as lab:
        daemon, space, stations = scene.build(lab, start=True)
        _prepare(space, range(1, count, 2))
        follower = _Follower(space, stations)
        try:
            _until_live(daemon, follower, count - 1)
            spacing = []
            for key in range(count):
                follower.change(key)
                while follower.began:
                    before = time.monotonic()
                    follower.step()
                    time.sleep(0.00005)
                    spacing.append(time.monotonic() - before)
                    if key in follower.began and before - follower.began[key] > 10:
                        raise LabError(f"change {key} was not followed within 10 s")
                time.sleep(dice.uniform(0.002, 0.012))
            lost = _lost(follower)
        finally:
            follower.close()
        daemon.assert_conserved()
    lags = list(follower.lags.values())
    return {"changes": len(lags), "lag_p50_s": percentile(lags, 0.5), "lag_p99_s": percentile(lags, 0.99),
            "lag_max_s": max(lags), "frame_distance_p50_s": percentile(spacing, 0.5),
            "frame_distance_max_s": max(spacing), "frames": follower.probes.sent, "frames_lost": lost}


def _until_live(daemon, follower, key):
    """The routes made last are followed before the first change."""
    address = scene.address_text(MARKERS + key)
    wait_until(lambda: daemon.show("route", address).get("interface") == f"net{scene.OLD}",
               "the markers' old routes are live", 20)
    follower.probes.receive()


def _lost(follower):
    """Frames that did not arrive at all: 0 on a quiet machine."""
    deadline = time.monotonic() + 5
    while follower.probes.arrived < follower.probes.sent and time.monotonic() < deadline:
        follower.probes.receive()
        time.sleep(0.001)
    return follower.probes.sent - follower.probes.arrived


def _add(space, path, follower):
    """Runs `ip -batch PATH`, with a change followed every 10 ms meanwhile; the seconds it took."""
    began = time.monotonic()
    adding = space.popen("ip", "-batch", path, stdin=subprocess.DEVNULL)
    try:
        key = 0
        while adding.poll() is None:
            if time.monotonic() >= began + key * CHANGE_EVERY_S:
                follower.change(key)
                key += 1
            follower.step()
            time.sleep(0.001)
    finally:
        if adding.poll() is None:
            adding.kill()
        adding.wait()
    if adding.returncode != 0:
        raise LabError(f"ip -batch ended with status {adding.returncode}")
    return time.monotonic() - began


def while_adding(routes):
    """Lags in seconds of single changes while `ip -batch` adds ROUTES routes to Linux, the daemon following."""
    batch_routes = scene.prefixes(routes)
    with Lab() as lab:
        path = os.path.join(lab.directory, "routes.batch")
        scene.write_batch(path, batch_routes)
        daemon, space, stations = scene.build(lab, start=True)
        _prepare(space)
        follower = _Follower(space, stations)
        try:
            _until_live(daemon, follower, 0)
            adding_s = _add(space, path, follower)
            follower.finish(60)
            lost = _lost(follower)
        finally:
            follower.close()
        scene.check_routes(daemon, batch_routes)
    lags = list(follower.lags.values())
    return {"routes": routes, "adding_s": adding_s, "changes": len(lags), "lag_p50_s": percentile(lags, 0.5),
            "lag_p99_s": percentile(lags, 0.99), "lag_max_s": max(lags), "frames": follower.probes.sent, "frames_lost": lost}
