"""Captures: written, and recorded with tcpdump, as plain lists of (ns since the epoch, bytes)."""

import os
import signal
import struct
import subprocess

from .shell import LabError, wait_until

ETHERNET = 1
_MICRO, _NANO = 0xA1B2C3D4, 0xA1B23C4D


def write(path, frames, order="<", nanoseconds=True, link_type=ETHERNET, wire_bytes=None):
    """A file of pcap format (pcap-savefile(5)); `wire_bytes(frame)` is how long a frame was when it was recorded."""
    with open(path, "wb") as file:
        file.write(struct.pack(order + "IHHiIII", _NANO if nanoseconds else _MICRO, 2, 4, 0, 0, 262144, link_type))
        for time_ns, data in frames:
            seconds, part = divmod(time_ns, 10 ** 9)
            length = wire_bytes(data) if wire_bytes else len(data)
            file.write(struct.pack(order + "IIII", seconds, part if nanoseconds else part // 1000, len(data), length))
            file.write(data)


def read(path):
    """What tcpdump has recorded so far."""
    with open(path, "rb") as file:
        data = file.read()
    frames, at = [], 24
    while at + 16 <= len(data):
        seconds, part, kept, length = struct.unpack_from("<IIII", data, at)
        if at + 16 + kept > len(data):
            break
        assert kept == length, "tcpdump kept whole frames"
        frames.append((seconds * 10 ** 9 + part * 1000, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    return frames


class Tcpdump:
    """Records what comes in at a device."""

    def __init__(self, lab, namespace, device):
        self.path = os.path.join(lab.directory, f"{namespace}-{device}.pcap")
        self._said = self.path + ".log"
        with open(self._said, "wb") as log:
            self.process = namespace.popen("tcpdump", "-i", device, "-Q", "in", "-U", "-s", "0", "-B", "65536",
                                           "-Z", "root", "-w", self.path, stdout=log, stderr=log)
        wait_until(self._listens, "tcpdump listens")

    def log(self):
        with open(self._said, encoding="utf-8", errors="replace") as log:
            return log.read()

    def _listens(self):
        if self.process.poll() is not None:
            raise LabError(f"tcpdump ended: {self.log()}")
        return "listening on" in self.log()

    def frames(self, count):
        """The frames recorded, once there are `count` of them; ends the recording."""
        wait_until(lambda: len(read(self.path)) >= count, f"{count} frames are recorded", 20, every_s=0.1)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"tcpdump does not end: {self.log()}") from error
        return [data for _, data in read(self.path)]
