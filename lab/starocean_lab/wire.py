"""Raw Ethernet frames on a device: what a tester with two network cards would send and capture."""

import errno
import selectors
import socket
import struct
import time

from .shell import LabError

# From linux/if_packet.h; Python's socket module does not name them.
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_SO_RCVBUFFORCE = 33
_VLAN_VALID = 1 << 4
_VLAN_TPID_VALID = 1 << 6
_ETH_P_ALL = 3

# EtherType for local experiments (IEEE 802): nothing in Linux answers it.
TEST_ETHERTYPE = 0x88B5
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def frame(dst, src, payload=b"", ethertype=TEST_ETHERTYPE, tags=(), size=None):
    """An Ethernet frame without FCS. `tags` are (TPID, TCI), outermost first. With `size` the payload
    is repeated or cut so that the whole frame has that many bytes."""
    head = mac_bytes(dst) + mac_bytes(src)
    for tpid, tci in tags:
        head += struct.pack("!HH", tpid, tci)
    head += struct.pack("!H", ethertype)
    if size is not None:
        room = size - len(head)
        if room < 0:
            raise LabError(f"a frame of {size} bytes cannot hold its {len(head)} bytes of header")
        payload = (payload * (room // max(len(payload), 1) + 1))[:room] if payload else bytes(room)
    return head + payload


class Wire:
    """A device opened for raw frames: sends and sees them whole, VLAN tags included."""

    def __init__(self, namespace, device="eth0", protocol=_ETH_P_ALL):
        self.device = device
        self._socket = namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        with namespace.entered():
            self._socket.bind((device, protocol))
        self._socket.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._selector.close()
        self._socket.close()

    def send(self, data):
        """Sends one frame; waits while the device's queue is full."""
        deadline = time.monotonic() + 10
        while True:
            try:
                self._socket.send(data)
                return
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS) or time.monotonic() > deadline:
                    raise LabError(f"cannot send {len(data)} bytes on {self.device}: {error}") from error
                time.sleep(0.001)

    def offer(self, data):
        """Sends one frame if the cable takes it; False if Linux drops it there, too long for one."""
        try:
            self._socket.send(data)
            return True
        except OSError as error:
            if error.errno in (errno.ENOBUFS, errno.EMSGSIZE):
                return False
            raise

    def _read(self):
        """One frame as it was on the wire, or None. Linux moves the outer tag out of the frame."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(65536, 256)
        except BlockingIOError:
            return None
        for level, kind, value in ancillary:
            if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
                if status & _VLAN_VALID:
                    tpid = tpid if status & _VLAN_TPID_VALID else 0x8100
                    data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        return data

    def frames(self, timeout_s=10.0):
        """Yields frames as they arrive; ends after timeout_s without any."""
        while True:
            data = self._read()
            if data is None:
                if not self._selector.select(timeout_s):
                    return
                continue
            yield data

    def receive(self, wanted, timeout_s=10.0):
        """The first frame for which wanted(frame) is true; None when it does not come."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            data = self._read()
            if data is None:
                self._selector.select(left)
            elif wanted(data):
                return data
        return None

    def expect(self, data, timeout_s=10.0):
        """Waits for exactly these bytes; the error says what was seen instead."""
        strangers = []

        def same(seen):
            if seen != data:
                strangers.append(seen)
            return seen == data
        if self.receive(same, timeout_s) is None:
            seen = [stranger[:32].hex() for stranger in strangers[-3:]]
            raise LabError(f"{self.device}: a frame of {len(data)} bytes, {data[:32].hex()}…, did not "
                           f"arrive; {len(strangers)} others did, the last {seen}")

    def received_before(self, last, timeout_s=10.0):
        """Everything that arrives before the frame `last`, which must arrive. This is how a lab shows
        that something does not come: send it, then send `last` the same way."""
        before = []

        def is_last(seen):
            if seen != last:
                before.append(seen)
            return seen == last
        if self.receive(is_last, timeout_s) is None:
            raise LabError(f"{self.device}: the closing frame did not arrive; {len(before)} others did")
        return before

    def drain(self):
        """Forgets what has arrived so far."""
        while self._read() is not None:
            pass
