"""`starocean gen send` and `gen receive` between namespaces, and their probes as Python sees them."""

import json
import os
import struct
import subprocess

from .daemon import binary
from .shell import LabError, wait_until

HEADER_BYTES = {"ipv4": 42, "ipv6": 62}
FCS_BYTES = 4
_MAGIC = 0x5CEA


def decode(frame, header_bytes=HEADER_BYTES["ipv4"]):
    """(stream, flow, sequence) of a frame that carries a probe; None of others. See bpf/probe.h."""
    if len(frame) < header_bytes + 18:
        return None
    first, second = struct.unpack_from("!QQ", frame, header_bytes)
    if first >> 48 != _MAGIC:
        return None
    return first >> 44 & 0xF, first >> 24 & 0xFFFFF, second >> 32


class Receiver:
    """One `gen receive`, ready when this is made; result() ends it, unless it has ended, and reads its report."""

    def __init__(self, lab, namespace, device, *options):
        self.log_path = os.path.join(lab.directory, f"receive-{namespace}-{device}.log")
        with open(self.log_path, "wb") as log:
            self.process = namespace.popen(binary(), "gen", "receive", "--interface", device, "--json",
                                           *options, stdout=subprocess.PIPE, stderr=log, text=True)
        wait_until(self._ready, f"gen receive on {device} is ready")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def _ready(self):
        if self.process.poll() is not None:
            raise LabError(f"gen receive ended with status {self.process.returncode}: {self.log()}")
        return "receiving on" in self.log()

    def result(self, end=True, timeout_s=60):
        if end and self.process.poll() is None:
            self.process.terminate()
        out, _ = self.process.communicate(timeout=timeout_s)
        if self.process.returncode != 0:
            raise LabError(f"gen receive ended with status {self.process.returncode}: {self.log()}")
        report = json.loads(out)
        assert report["schema_version"] == 1
        return report


def send(namespace, device, *options, timeout_s=120, check=True):
    """Runs `gen send` to its end; its report."""
    done = namespace.run(binary(), "gen", "send", "--interface", device, "--json", *options,
                         check=check, timeout_s=timeout_s)
    report = json.loads(done.stdout)
    assert report["schema_version"] == 1
    report["status"], report["said"] = done.returncode, done.stderr
    return report
