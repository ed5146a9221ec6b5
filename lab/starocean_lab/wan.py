"""A bad link: `starocean wan` between two devices of one namespace."""

import json
import pathlib
import signal
import subprocess

from .daemon import binary
from .shell import LabError, run, wait_until

WAYS = ("a_to_b", "b_to_a")


def words(options):
    """{"loss_burst": "5"} as ["--loss-burst", "5"]."""
    return [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), str(value))]


class Wan:
    """One emulated link; what it does to packets are the options of `starocean wan`, as in
    Wan(switch, directory, "lan1", "lan2", delay="50ms/10ms", loss="1%")."""

    def __init__(self, namespace, directory, a, b, name="wan", frames=32768, **options):
        self.namespace = namespace
        self.devices = (a, b)
        self.socket_path = pathlib.Path(directory) / f"{name}.sock"
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.process = namespace.popen(
                binary(), "wan", "--a", a, "--b", b, "--frames", frames, "--socket", self.socket_path,
                *words(options), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, "starocean wan answers", 30)

    def _answers(self):
        if self.process.poll() is not None:
            raise LabError(f"starocean wan ended with status {self.process.returncode}: {self.log()}")
        return self.cli("show", "--json", check=False).returncode == 0

    def log(self):
        return self.log_path.read_text(errors="replace")

    def cli(self, *args, check=True):
        return run(binary(), "wan", *args, "--socket", self.socket_path, check=check)

    def set(self, **options):
        """Changes the link; returns when the change is in force."""
        return self.cli("set", *words(options))

    def show(self):
        return json.loads(self.cli("show", "--json").stdout)

    def way(self, way="a_to_b"):
        return self.show()["directions"][way]

    def counters(self, way="a_to_b"):
        return self.way(way)["counters"]

    def running(self):
        return self.process.poll() is None

    def wait_counted(self, way="a_to_b", **wanted):
        """Until the counters of one direction have these values, and nothing is under way there."""
        def reached():
            shown = self.way(way)
            return shown["held"] == 0 and all(shown["counters"][key] == value for key, value in wanted.items())
        try:
            wait_until(reached, f"{way} counts {wanted}", 20, every_s=0.05)
        except LabError as error:
            raise AssertionError(f"{error}: {self.way(way)}") from error

    def imbalance(self):
        """What does not add up at this moment, as a sentence; empty when all does."""
        shown = self.show()
        wrong = [f"{way}: {shown['directions'][way]}" for way in WAYS if shown["directions"][way]["unaccounted"]]
        if shown["frames"]["missing"]:
            wrong.append(f"frames: {shown['frames']}")
        return "; ".join(wrong)

    def assert_conserved(self):
        """In + copies = out + named drops + under way, and every frame has its place."""
        try:
            wait_until(lambda: not self.imbalance(), "packets and frames add up", 10, every_s=0.1)
        except LabError as error:
            raise AssertionError(f"starocean wan is not conserved: {self.imbalance()}") from error

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def stop(self):
        """SIGTERM; detaches and ends with the status that is returned."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def settle(self):
        """What must be true when a lab is over."""
        self.assert_conserved()
        status = self.stop()
        assert status == 0, f"starocean wan ended with status {status} after SIGTERM: {self.log()}"
        assert "frames are accounted for" in self.log() and "defect" not in self.log(), self.log()
        for device in self.devices:
            wait_until(lambda d=device: not self.namespace.has_xdp(d), f"{device} has no XDP program", 5)
