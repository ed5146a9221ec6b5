"""What the labs of `starocean wan` share: two hosts with links between them, and frames that tell their number."""

import random
import struct

from starocean_lab.wan import Wan
from starocean_lab.wire import TEST_ETHERTYPE, frame

TEST_FRAME_BYTES = 200


class Scene:
    """Two hosts behind lan1 and lan2 of one namespace, and links made between these."""

    def __init__(self, lab):
        self.lab = lab
        self.switch = lab.switch()
        self.hosts, self.wans = [], []

    def two_hosts(self, **options):
        self.hosts = [self.lab.host(number, self.switch, **options) for number in (1, 2)]
        return self.hosts

    def wan(self, name="wan", **options):
        made = Wan(self.switch, self.lab.directory, "lan1", "lan2", name, **options)
        self.wans.append(made)
        return made

    def wires(self, stack):
        return [stack.enter_context(host.wire()) for host in self.hosts]


def numbered(number):
    """A frame that tells its number even with one bit wrong: it is there three times."""
    payload = struct.pack("!III", number, number, number) + random.Random(number).randbytes(TEST_FRAME_BYTES - 26)
    return frame("02:00:00:00:00:02", "02:00:00:00:00:01", payload)


def number_of(data):
    copies = struct.unpack("!III", data[14:26])
    return copies[0] if copies[0] in copies[1:] else copies[1]


def bits_changed(data, original):
    return sum((a ^ b).bit_count() for a, b in zip(data, original, strict=True))


def send_numbered(wire, count):
    for number in range(count):
        wire.send(numbered(number))


def received(wire, count):
    """The next `count` frames with test contents."""
    frames = []
    while len(frames) < count:
        data = wire.receive(lambda seen: seen[12:14] == struct.pack("!H", TEST_ETHERTYPE))
        assert data is not None, f"{len(frames)} frames arrived instead of {count}"
        frames.append(data)
    return frames
