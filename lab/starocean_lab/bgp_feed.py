"""A BGP speaker that only announces and withdraws: enough for a feed of any size, in seconds.

Messages as in RFC 4271, IPv6 as in RFC 4760; hold time 0, so that no keepalives are owed (RFC 4271, section 4.2).
"""

import ipaddress
import socket
import struct
import threading

from .shell import LabError

_OPEN, _UPDATE, _NOTIFICATION, _KEEPALIVE = 1, 2, 3, 4
_MAX_BYTES = 4096  # of a message: RFC 4271, section 4.1
_IPV6_UNICAST = struct.pack("!HB", 2, 1)
_ORIGIN = b"\x40\x01\x01\x00"  # IGP


def _message(kind, body):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body


def _nlri(prefix):
    """RFC 4271, section 4.3: the length in bits, and as many bytes as that takes."""
    return bytes([prefix.prefixlen]) + prefix.network_address.packed[:(prefix.prefixlen + 7) // 8]


def _chunks(prefixes, room):
    chunk = b""
    for prefix in prefixes:
        one = _nlri(prefix)
        if len(chunk) + len(one) > room:
            yield chunk
            chunk = b""
        chunk += one
    if chunk:
        yield chunk


def _attribute(flags, kind, value):
    return struct.pack("!BBH", flags | 0x10, kind, len(value)) + value  # 0x10: a length of two bytes


class BgpFeed:
    """A session from inside `namespace` to the peer, which must take it without 4-byte AS numbers."""

    def __init__(self, namespace, source, peer, own_as, router_id):
        self._as_path = _attribute(0x40, 2, struct.pack("!BBH", 2, 1, own_as))  # one AS_SEQUENCE of one
        self._socket = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.bind((source, 0))
        self._socket.connect((peer, 179))
        families = b"\x02\x06\x01\x04\x00\x01\x00\x01" + b"\x02\x06\x01\x04\x00\x02\x00\x01"  # capability 1: v4, v6
        self._socket.sendall(_message(_OPEN, struct.pack("!BHH4sB", 4, own_as, 0, socket.inet_aton(router_id),
                                                         len(families)) + families))
        kinds = [self._receive() for _ in range(2)]
        if kinds != [_OPEN, _KEEPALIVE]:
            raise LabError(f"the BGP peer {peer} answered with messages of kinds {kinds}")
        self._socket.sendall(_message(_KEEPALIVE, b""))
        self._socket.settimeout(None)
        self.problem = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the peer closed the session")
            data += more
        return data

    def _receive(self):
        header = self._exactly(19)
        body = self._exactly(int.from_bytes(header[16:18], "big") - 19)
        if header[18] == _NOTIFICATION:
            raise LabError(f"the BGP peer ended the session: error {body[0]}, {body[1]} (RFC 4271, section 4.5)")
        return header[18]

    def _read(self):
        """What the peer says is taken, so that it never waits for room."""
        try:
            while True:
                self._receive()
        except (OSError, LabError) as error:
            self.problem = error

    def _update(self, withdrawn=b"", attributes=b"", announced=b""):
        self._socket.sendall(_message(_UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn +
                                      struct.pack("!H", len(attributes)) + attributes + announced))

    def announce(self, prefixes, next_hop):
        """Prefixes (ipaddress networks) of the next hop's family."""
        hop = ipaddress.ip_address(next_hop)
        common = _ORIGIN + self._as_path
        for chunk in _chunks(prefixes, _MAX_BYTES - 128):
            if hop.version == 4:
                self._update(attributes=common + _attribute(0x40, 3, hop.packed), announced=chunk)
            else:
                reach = _IPV6_UNICAST + bytes([16]) + hop.packed + b"\0" + chunk
                self._update(attributes=_attribute(0x80, 14, reach) + common)

    def withdraw(self, prefixes):
        for version in (4, 6):
            for chunk in _chunks([one for one in prefixes if one.version == version], _MAX_BYTES - 128):
                if version == 4:
                    self._update(withdrawn=chunk)
                else:
                    self._update(attributes=_attribute(0x80, 15, _IPV6_UNICAST + chunk))

    def close(self):
        """The peer takes back all that was announced."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was closed by the peer
        self._socket.close()
        self._reader.join(10)
