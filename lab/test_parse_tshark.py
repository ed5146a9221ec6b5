"""What our parser says of a packet equals what tshark says.

Captures made by scapy (every header kind, random, cut short) and one recorded between two network
namespaces go through parse_dump (starocean/net/parse_dump.cc) and through tshark, and are compared
field by field: two dissectors written by different people from the same RFCs.

Run: pytest lab/test_parse_tshark.py. STAROCEAN_BUILD names the build folder (default: build/release).
Needs tshark and scapy; the recorded capture also needs root and tcpdump.
"""
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from scapy.all import Raw, wrpcap

from dissectors import FIRST, LATER, NONE, Difference, Layers, compare, ours, same, theirs
from packet_maker import KINDS, Maker, complete


def check(packets, tmp_path, compare_one=compare):
    """`packets`: (name, bytes). All differences are collected; the first few are shown."""
    capture = tmp_path / "made.pcap"
    wrpcap(str(capture), [frame for _, frame in packets], linktype=1)
    check_capture(capture, tmp_path, [name for name, _ in packets], compare_one)


def check_capture(capture, tmp_path, names, compare_one=compare):
    we, they = ours(capture), theirs(capture, tmp_path)
    assert len(we) == len(they) > 0
    if names:
        assert len(we) == len(names)
    differences = []
    for index, (left, right) in enumerate(zip(we, they)):
        try:
            compare_one(left, Layers(right))
        except Difference as difference:
            seen = {name: values for name, values in right.items() if values}
            name = names[index] if names else ""
            differences.append(f"packet {index + 1} {name}: {difference}\n  we: {left}\n  they: {seen}")
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(differences[:5])
    return we


# ---- made packets ----


@pytest.mark.parametrize("kind", KINDS)
def test_generated_packets(kind, tmp_path):
    make = Maker(kind)
    packets = [(kind, bytes(KINDS[kind](make))) for _ in range(700)]
    # Half of them with the padding of a short frame.
    packets = [(name, frame.ljust(60, b"\0") if i % 2 else frame)
               for i, (name, frame) in enumerate(packets)]
    check(packets, tmp_path)


def test_every_kind_of_result_occurs(tmp_path):
    """The comparison above is worth what the packets are: they reach every result of a sound packet."""
    make = Maker("coverage")
    frames = [bytes(build(make)) for build in KINDS.values() for _ in range(100)]
    capture = tmp_path / "made.pcap"
    wrpcap(str(capture), frames, linktype=1)
    results = ours(capture)
    assert {"ok", "unknown IP protocol"} <= {result["status"] for result in results}
    assert {result["ip"]["fragment"] for result in results if "ip" in result} == {NONE, FIRST, LATER}
    assert {len(result["vlans"]) for result in results} == {0, 1, 2}
    assert {result.get("transport_checksum_ok") for result in results} == {True, False, None}
    assert any("vxlan" in result for result in results)
    assert any("arp" in result for result in results)


# Nothing is wrong with such a packet but what the parser does not know.
SOUND = {"ok", "unknown EtherType", "unknown IP protocol"}


def compare_damaged(we, they):
    complaint = they.complaint()
    if we["status"] in SOUND:
        # Both dissectors are content, and agree. tshark also looks into ICMP and TCP options.
        if "icmp" not in we and "tcp" not in we:
            same("complaint", [], complaint)
        if not complaint:
            compare(we, they)
    elif "Ethernet" not in we["status"] and not complaint:
        raise Difference(f"we say {we['status']!r}, tshark does not complain")


def test_frames_cut_anywhere(tmp_path):
    """Cut inside a header, or short of the length that IP claims: both notice, or neither does."""
    make = Maker("cut")
    packets = []
    for kind in ("transport", "fragment", "arp", "icmp", "icmpv6"):
        for _ in range(60):
            frame = bytes(KINDS[kind](make))
            cuts = {make.random.randrange(14, len(frame)) for _ in range(8)}
            packets += [(f"{kind} cut to {cut} of {len(frame)}", frame[:cut]) for cut in sorted(cuts)]
    check(packets, tmp_path, compare_damaged)


def test_captured_with_a_short_snap_length(tmp_path):
    """The capture has the first 96 bytes of each frame, and says how long the frame was."""
    make = Maker("snap")
    frames = [bytes(make.tags() / complete(make.ip() / make.transport() / Raw(bytes(200))))
              for _ in range(300)]
    whole, cut = tmp_path / "whole.pcap", tmp_path / "cut.pcap"
    wrpcap(str(whole), frames, linktype=1)
    subprocess.run(["editcap", "-F", "pcap", "-s", "200", whole, cut], check=True)
    results = check_capture(cut, tmp_path, None)
    assert {result["status"] for result in results} == {"ok"}


# ---- a real exchange ----

HOSTS = ("netparse-a", "netparse-b")
LAST_PACKET = b"the last packet!"
SERVER = """
    import socket
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.create_server((address, 5000), family=family) as server:
            print("ready", flush=True)
            connection, _ = server.accept()
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.close()
"""
CLIENT = """
    import socket, sys
    with socket.create_connection((sys.argv[1], 5000)) as connection:
        for size in (1, 2, 999, 1448):
            connection.sendall(bytes(size))
            while size:
                size -= len(connection.recv(size))
    for family in (socket.AF_INET, socket.AF_INET6):
        if (family == socket.AF_INET6) == (":" in sys.argv[1]):
            with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
                datagrams.sendto(bytes(4000), (sys.argv[1], 6000))
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def inside(host, *words, **options):
    return subprocess.run(["ip", "netns", "exec", host, *words], check=True, capture_output=True,
                          text=True, timeout=60, **options)


@pytest.fixture
def hosts():
    if os.geteuid() != 0:
        pytest.skip("making network namespaces needs root")
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    made = []
    try:
        for host in HOSTS:
            ip("netns", "add", host)
            made.append(host)
        ip("link", "add", "eth0", "netns", HOSTS[0], "type", "veth", "peer", "name", "eth0",
           "netns", HOSTS[1])
        for number, host in enumerate(HOSTS, 1):
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", host, "address", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")
        yield HOSTS
    finally:
        for host in made:
            ip("netns", "delete", host)


def wait_until(condition, what, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)


def start(host, *words, **options):
    return subprocess.Popen(["ip", "netns", "exec", host, *words], text=True, **options)


def test_recorded_exchange(hosts, tmp_path):
    """ping and ping6 of odd sizes and with fragments, TCP and UDP over both, between two namespaces."""
    client, server = hosts
    capture = tmp_path / "recorded.pcap"
    recorder = start(client, "tcpdump", "-i", "eth0", "-U", "--immediate-mode", "-Z", "root", "-w", str(capture),
                     stderr=subprocess.PIPE)
    echo = start(server, sys.executable, "-c", textwrap.dedent(SERVER), stdout=subprocess.PIPE)
    try:
        # An empty line is the end of the output: tcpdump has failed, and the assertion says so.
        said = iter(recorder.stderr.readline, "")
        assert any("listening on" in line for line in said), "tcpdump does not listen"
        for address in ("10.77.0.2", "fd77::2"):
            for size in ("0", "57", "1472", "3001"):
                inside(client, "ping", "-c", "2", "-i", "0.05", "-s", size, address)
            assert echo.stdout.readline() == "ready\n"
            inside(client, sys.executable, "-c", textwrap.dedent(CLIENT), address)
        assert echo.wait(timeout=60) == 0
        # Packets are recorded in order: when this one is in the file, all are.
        inside(client, "ping", "-c", "1", "-p", LAST_PACKET.hex(), "10.77.0.2")
        wait_until(lambda: LAST_PACKET in capture.read_bytes(), "tcpdump to write the last packet")
    finally:
        for process in (recorder, echo):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    results = check_capture(capture, tmp_path, None)
    assert {result["status"] for result in results} == {"ok"}
    protocols = {(result["ip"]["version"], result["ip"]["protocol"], result["ip"]["fragment"])
                 for result in results if "ip" in result}
    # 3001 bytes of ping make three fragments.
    assert protocols >= {(4, 1, NONE), (4, 1, FIRST), (4, 1, LATER), (4, 6, NONE), (4, 17, FIRST),
                         (6, 58, NONE), (6, 58, FIRST), (6, 58, LATER), (6, 6, NONE),
                         (6, 17, FIRST)}
    assert {result["arp"]["op"] for result in results if "arp" in result} == {1, 2}
    assert {135, 136} <= {result["icmp"]["type"] for result in results if "icmp" in result}
