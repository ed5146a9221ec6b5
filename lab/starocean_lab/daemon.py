"""The starocean daemon as an operator has it: started, asked, stopped, or killed."""

import json
import os
import pathlib
import signal
import subprocess

from .shell import LabError, run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """The program under test: $STAROCEAN, or the release build."""
    path = pathlib.Path(os.environ.get("STAROCEAN", ROOT / "build/release/starocean"))
    if not path.exists():
        raise LabError(f"{path} does not exist; build it: cmake --preset release && "
                       "cmake --build build/release")
    return path


class Starocean:
    """One `starocean run` in a namespace. `config` is a dict (written as YAML's JSON subset) or text."""

    def __init__(self, namespace, directory, name, config, prefix=(), arguments=()):
        self.namespace = namespace
        self.name = name
        self.config_path = pathlib.Path(directory) / f"{name}.yaml"
        self.socket_path = pathlib.Path(directory) / f"{name}.sock"
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self._prefix = list(prefix)
        self._arguments = list(arguments)
        self.process = None
        self.write_config(config)

    def write_config(self, config):
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        self.config_path.write_text(text, encoding="utf-8")

    # ---- life ----

    def launch(self):
        """Starts the process and returns at once."""
        with open(self.log_path, "ab") as log:
            self.process = self.namespace.popen(
                *self._prefix, binary(), "run", "--config", self.config_path, "--socket", self.socket_path,
                *self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self, timeout_s=60):
        """Starts, and returns when the daemon answers, which it does once it forwards."""
        self.launch()

        def answers():
            if self.process.poll() is not None:
                raise LabError(f"starocean '{self.name}' ended with status {self.process.returncode} "
                               f"instead of forwarding; it said:\n{self.log_tail()}")
            return self.cli("show", "interfaces", "--json", check=False).returncode == 0
        try:
            wait_until(answers, f"starocean '{self.name}' answers on {self.socket_path}", timeout_s)
        except LabError as error:
            raise LabError(f"{error}\nLog of '{self.name}':\n{self.log_tail()}") from error
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, timeout_s=30):
        """Waits for the process to end by itself; returns its exit status."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"starocean '{self.name}' still runs after {timeout_s} s; its log ends:\n"
                           f"{self.log_tail()}") from error

    def stop(self, timeout_s=30):
        """SIGTERM; the daemon drains, detaches and leaves with status 0."""
        if not self.running():
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self):
        """kill -9: no chance to tidy up."""
        if self.running():
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=25):
        return "\n".join("    " + line for line in self.log().splitlines()[-lines:]) or "    (empty)"

    # ---- questions ----

    def cli(self, *words, check=True, timeout_s=20):
        """`starocean --socket … WORDS`."""
        return run(binary(), "--socket", self.socket_path, *words, check=check, timeout_s=timeout_s)

    def show(self, what, *words):
        """`show WHAT --json` as Python values."""
        return json.loads(self.cli("show", what, *words, "--json").stdout)

    def interface(self, name):
        for interface in self.show("interfaces")["interfaces"]:
            if interface["name"] == name:
                return interface
        raise LabError(f"starocean '{self.name}' shows no interface '{name}'")

    def counters(self, name=None):
        """Counters of one interface, or of all added up, those no longer configured included."""
        total = {}
        shown = self.show("interfaces")
        removed = {"name": None, **shown["removed_interfaces"]}
        for interface in [*shown["interfaces"], removed]:
            if name in (None, interface["name"]):
                for key, value in interface["counters"].items():
                    total[key] = total.get(key, 0) + value
        return total

    def fdb(self):
        """The MAC table: {(bridge, mac): entry}."""
        return {(entry["bridge"], entry["mac"]): entry for entry in self.show("fdb")["entries"]}

    def reload(self, config=None):
        if config is not None:
            self.write_config(config)
        return self.cli("reload")

    # ---- conservation ----

    def imbalance(self):
        """What does not add up at this moment, as a sentence; empty when all does."""
        frames = self.show("memory")["frames"]
        totals = self.show("drops")["totals"]
        sums = self.counters()
        drops = sum(value for key, value in sums.items() if key.startswith("drop_"))
        open_packets = sums["rx_packets"] + sums["copies"] + sums["icmp_errors"] - sums["tx_packets"] - sums["punted"] - drops
        wrong = []
        if frames["missing"] != 0 or frames["in_flight"] != 0:
            wrong.append(f"frames: {frames}")
        if totals["unaccounted"] != 0:
            wrong.append(f"drops.totals: {totals}")
        if open_packets != 0:
            wrong.append(f"interface counters leave {open_packets} packets without a fate")
        return "; ".join(wrong)

    def assert_conserved(self, timeout_s=10):
        """Once traffic has stopped: pool + rings = total frames, and in + copies + errors made =
        out + punted + named drops. Packets still under way are waited for; what is lost never comes back."""
        try:
            wait_until(lambda: not self.imbalance(), "packets and frames add up", timeout_s, every_s=0.1)
        except LabError as error:
            raise AssertionError(f"starocean '{self.name}' is not conserved: {self.imbalance()}") from error
