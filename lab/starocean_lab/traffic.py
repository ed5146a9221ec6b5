"""Traffic between two hosts, with every byte that arrives compared with what was sent."""

import concurrent.futures
import dataclasses
import hashlib
import os
import random
import select
import socket
import struct
import threading
import time

from .shell import LabError

_CHUNK_BYTES = 1 << 20
PATIENCE_S = 10  # after which what has not arrived counts as lost


@dataclasses.dataclass
class Transfer:
    """What a transfer came to."""

    sent_sha256: str
    received_sha256: str
    received_bytes: int
    seconds: float

    def bits_per_second(self):
        return self.received_bytes * 8 / max(self.seconds, 1e-9)


def _chunks(size_bytes, seed):
    """Pseudo-random data in which no two megabytes are alike, so that a swap would change the hash."""
    chunk = bytearray(random.Random(seed).randbytes(_CHUNK_BYTES))
    for number in range((size_bytes + _CHUNK_BYTES - 1) // _CHUNK_BYTES):
        struct.pack_into("!Q", chunk, 0, number)
        yield memoryview(chunk)[:min(_CHUNK_BYTES, size_bytes - number * _CHUNK_BYTES)]


def _connect(sender, receiver, family):
    """A TCP connection between two hosts: (socket at the sender, socket at the receiver)."""
    listener = receiver.open_socket(family, socket.SOCK_STREAM)
    client = sender.open_socket(family, socket.SOCK_STREAM)
    try:
        listener.bind((receiver.address(family), 0))
        listener.listen(1)
        listener.settimeout(20)
        client.settimeout(20)
        client.connect(listener.getsockname()[:2])
        server, _ = listener.accept()
        server.settimeout(60)
        client.settimeout(60)
        return client, server
    except OSError as error:
        client.close()
        raise LabError(f"no TCP connection from {sender} to {receiver.address(family)}: {error}") from error
    finally:
        listener.close()


def _stream(sender, receiver, family, chunks, sink):
    """Sends the chunks over TCP; `sink(data)` takes what arrives. Returns a Transfer."""
    client, server = _connect(sender, receiver, family)
    sent = hashlib.sha256()
    failure = []
    started = time.monotonic()

    def send():
        try:
            for chunk in chunks:
                sent.update(chunk)
                client.sendall(chunk)
            client.shutdown(socket.SHUT_WR)
        except OSError as error:
            failure.append(error)
            client.close()
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    received = hashlib.sha256()
    total = 0
    buffer = bytearray(_CHUNK_BYTES)
    try:
        while (length := server.recv_into(buffer)) > 0:
            received.update(memoryview(buffer)[:length])
            sink(memoryview(buffer)[:length])
            total += length
    except OSError as error:
        failure.append(error)
    finally:
        server.close()
        thread.join(10)
        client.close()
    if failure:
        raise LabError(f"TCP from {sender} to {receiver} broke after {total} bytes: {failure[0]}")
    return Transfer(sent.hexdigest(), received.hexdigest(), total, time.monotonic() - started)


def tcp_transfer(sender, receiver, size_bytes, family=socket.AF_INET, seed=1):
    """Sends size_bytes of pseudo-random data over one TCP connection."""
    return _stream(sender, receiver, family, _chunks(size_bytes, seed), lambda data: None)


def copy_file(sender, receiver, source, target, family=socket.AF_INET):
    """Copies a file from one host to another over TCP; the hashes are of the two files' contents."""
    def chunks():
        with open(source, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    with open(target, "wb") as file:
        result = _stream(sender, receiver, family, chunks(), file.write)
    with open(target, "rb") as file:
        result.received_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return result


def udp_exchange(sender, receiver, sizes, family=socket.AF_INET, window=16):
    """Sends one datagram of each size and has it sent back; contents are compared. At most `window`
    are under way, so that nothing has a reason to be lost; a loss is an error."""
    server = receiver.open_socket(family, socket.SOCK_DGRAM)
    client = sender.open_socket(family, socket.SOCK_DGRAM)
    stop = threading.Event()
    for end in (server, client):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    server.bind((receiver.address(family), 0))
    server.settimeout(0.2)

    def echo():
        while not stop.is_set():
            try:
                data, peer = server.recvfrom(65536)
                server.sendto(data, peer)
            except TimeoutError:
                continue
    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    client.settimeout(PATIENCE_S)
    client.connect(server.getsockname()[:2])
    sizes = list(sizes)
    try:
        for first in range(0, len(sizes), window):
            batch = [os.urandom(size) for size in sizes[first:first + window]]
            for data in batch:
                client.send(data)
            waiting = batch[:]
            while waiting:
                try:
                    waiting.remove(client.recv(65536))
                except TimeoutError as error:
                    raise LabError(f"UDP datagrams of {[len(data) for data in waiting]} bytes from {sender} "
                                   f"to {receiver} and back did not return") from error
                except ValueError as error:
                    raise LabError(f"a UDP datagram came back to {sender} with other contents") from error
    finally:
        stop.set()
        thread.join()
        server.close()
        client.close()


def ping_every_size(sender, address, sizes, family=socket.AF_INET, window=8):
    """ICMP echo with every payload size given; the echoed payload must be the one sent.

    Returns the number of sizes answered, which is all of them, or raises."""
    if family == socket.AF_INET6:
        raw = sender.open_socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        request, reply, header_bytes = 128, 129, 0
    else:
        raw = sender.open_socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        request, reply, header_bytes = 8, 0, 20
    ident = os.getpid() & 0xFFFF
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sizes = list(sizes)
    answered = 0
    try:
        for first in range(0, len(sizes), window):
            waiting = {}
            for size in sizes[first:first + window]:
                payload = os.urandom(size)
                waiting[size & 0xFFFF] = payload
                head = struct.pack("!BBHHH", request, 0, 0, ident, size & 0xFFFF)
                head = struct.pack("!BBHHH", request, 0, internet_checksum(head + payload), ident,
                                   size & 0xFFFF)
                raw.sendto(head + payload, (address, 0))
            answered += len(waiting)
            _await_echoes(raw, waiting, reply, ident, header_bytes, f"{sender} to {address}")
    finally:
        raw.close()
    return answered


def _await_echoes(raw, waiting, reply, ident, header_bytes, who):
    deadline = time.monotonic() + 10
    while waiting:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([raw], [], [], left)[0]:
            raise LabError(f"pings of {sorted(waiting)} payload bytes from {who} were not answered")
        data = raw.recv(65536)[header_bytes:]
        kind, _, _, seen, sequence = struct.unpack("!BBHHH", data[:8])
        if kind != reply or seen != ident or sequence not in waiting:
            continue
        if data[8:] != waiting[sequence]:
            raise LabError(f"the ping of {sequence} payload bytes from {who} came back changed")
        del waiting[sequence]


def internet_checksum(data):
    """RFC 1071, for packets made by hand."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Background:
    """Traffic that goes on while the block runs: `threads` run `work(stop)` until told to stop."""

    def __init__(self, *works):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work, args=(self._stop,), daemon=True) for work in works]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(15)


def udp_load(sender, receiver, size=512, port=9):
    """Work for Background: UDP towards a port where nobody listens, as fast as Python can."""
    def work(stop):
        out = sender.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
        data = bytes(size)
        while not stop.is_set():
            try:
                for _ in range(64):
                    out.sendto(data, (receiver.ipv4, port))
            except OSError:
                time.sleep(0.001)
        out.close()
    return work


def in_parallel(works):
    """Runs callables in threads at once; returns their results in order, or raises the first error."""
    with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]
