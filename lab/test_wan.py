"""`starocean wan`: a bad link between two hosts, with every packet accounted for.

No decision here hangs on how fast the machine is. That a packet is late enough is certain, and asserted to the
nanosecond; that it is not too late is the emulator's own measure, and no test's."""

import contextlib
import os
import random
import re
import socket
import struct
import time

import pytest

from starocean_lab import run, traffic, wait_until
from starocean_lab.daemon import binary
from starocean_lab.wan import WAYS, Wan
from starocean_lab.wire import BROADCAST, TEST_ETHERTYPE, frame

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
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


@pytest.fixture
def scene(lab, request):
    made = Scene(lab)
    yield made
    for wan in made.wans:
        if wan.running() and not getattr(request.node, "lab_failed", False):
            wan.settle()
        wan.kill()


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


# ---- what a link must let pass ----

def test_every_frame_passes_unchanged(scene):
    """Both ways, all lengths, tagged once and twice, of every kind: also those that no bridge forwards."""
    a, b = scene.two_hosts(ipv6=False, mtu=1508)
    wan = scene.wan()
    sizes = [14, 15, 59, 60, 61, 63, 64, 65, 127, 128, 590, 1000, 1513, 1514, 1517, 1518]
    frames = [frame(a.mac, b.mac, os.urandom(size), size=size) for size in sizes]
    frames += [frame(BROADCAST, b.mac, b"tagged", tags=[(0x8100, 7)], size=1526),
               frame(a.mac, b.mac, b"twice", tags=[(0x88A8, 100), (0x8100, 7)], size=1522),
               frame("01:80:c2:00:00:0e", b.mac, b"LLDP stays on its cable", ethertype=0x88CC),
               frame("01:80:c2:00:00:00", b.mac, b"\x42\x42\x03 spanning tree", ethertype=38, size=60),
               frame("00:00:00:00:00:00", "00:00:00:00:00:00", b"nobody to nobody", size=60)]
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for here, there in ((a_wire, b_wire), (b_wire, a_wire)):
            for data in frames:
                here.send(data)
                there.expect(data)
    for way in WAYS:
        counters = wan.counters(way)
        assert counters["rx_packets"] == counters["tx_packets"] == len(frames)
        assert counters["rx_bytes"] == counters["tx_bytes"] == sum(map(len, frames))


@pytest.mark.parametrize("queues", [1, 2])
def test_hosts_talk_through_it(scene, queues):
    """ARP, neighbour discovery, ping, TCP and UDP between hosts as Linux sets them up, with unfinished checksums."""
    a, b = scene.two_hosts(queues=queues)
    wan = scene.wan(delay="2ms", frames=65536)
    for family in (socket.AF_INET, socket.AF_INET6):
        a.ping(b.address(family))
        result = traffic.tcp_transfer(a, b, 10_000_000, family)
        assert result.received_sha256 == result.sent_sha256
        traffic.udp_exchange(b, a, [0, 1, 64, 1471, 1472, 8999], family, window=4)
    assert all(wan.counters(way)["checksums_finished"] > 0 for way in WAYS)


def test_tcp_survives_a_bad_link(scene):
    a, b = scene.two_hosts()
    wan = scene.wan(delay="1ms", jitter="1ms", jitter_order="free", loss="1%", loss_burst=2, duplicate="2%",
                    corrupt="1%", reorder="5%", rate="200M", queue="20ms", seed=3)
    result = traffic.tcp_transfer(a, b, 2_000_000)
    assert result.received_sha256 == result.sent_sha256
    a_to_b = wan.counters()
    for what in ("drop_burst_loss", "duplicated", "corrupted", "reordered"):
        assert a_to_b[what] > 0, f"{what}: {a_to_b}"


def test_jumbo_frames(scene):
    """Packets of several buffers are delayed, copied and damaged like others."""
    a, b = scene.two_hosts(ipv6=False, mtu=9000)
    wan = scene.wan()
    assert all(side["multi_buffer"] for side in wan.show()["interfaces"].values())
    sizes = (60, 1514, 1785, 1792, 1793, 4000, 9013, 9014)
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for size in sizes:
            data = frame(b.mac, a.mac, os.urandom(size), size=size)
            wan.set(duplicate="0", corrupt="0")
            a_wire.send(data)
            b_wire.expect(data)
            wan.set(duplicate="100%", corrupt="100%")
            a_wire.send(data)
            damaged, copy = received(b_wire, 2)
            assert bits_changed(damaged, data) == 1 and damaged[:14] == data[:14] and copy == damaged
    counters = wan.counters()
    assert counters["corrupted"] == counters["duplicated"] == len(sizes)
    assert counters["tx_bytes"] == 3 * sum(sizes)


def test_longer_than_the_egress_takes_is_dropped_by_name(scene):
    lab, switch = scene.lab, scene.switch
    a, b = scene.hosts = [lab.host(1, switch, mtu=9000, ipv6=False), lab.host(2, switch, mtu=1500, ipv6=False)]
    wan = scene.wan()
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        long = [frame(b.mac, a.mac, os.urandom(size), size=size) for size in (1515, 1519, 2000, 9014)]
        for data in long:
            a_wire.send(data)
        last = frame(b.mac, a.mac, b"fits", size=1514)
        a_wire.send(last)
        assert b_wire.received_before(last) == []
    assert wan.counters()["drop_egress_mtu"] == len(long)


# ---- what it does to packets is what it counts ----

def test_loss_copies_and_damage_are_as_counted(scene):
    """Of each numbered frame it is known what became of it; the sums are the emulator's counters."""
    count = 20_000
    scene.two_hosts(ipv6=False)
    wan = scene.wan(loss="2%", loss_burst=3, duplicate="3%", corrupt="4%", seed=1)
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        send_numbered(a_wire, count)
        wan.wait_counted(rx_packets=count)
        counters = wan.counters()
        arrived = [0] * count
        damaged = set()
        order = []
        for data in received(b_wire, counters["tx_packets"]):
            number = number_of(data)
            arrived[number] += 1
            order.append(number)
            changed = bits_changed(data, numbered(number))
            assert changed <= 1 and data[:14] == numbered(number)[:14]
            if changed:
                damaged.add(number)
    assert order == sorted(order), "copies follow their originals, nobody overtakes"
    assert counters["drop_burst_loss"] == arrived.count(0)
    assert counters["duplicated"] == arrived.count(2)
    assert counters["corrupted"] == len(damaged)
    assert counters["drop_loss"] == 0 and max(arrived) == 2
    # Five standard deviations, for losses in runs of three more; the seed makes the outcome always the same.
    for seen, share, clumping in ((arrived.count(0), 0.02, 6), (arrived.count(2), 0.0294, 1),
                                  (len(damaged), 0.0392, 1)):
        assert abs(seen - share * count) < 5 * (share * count * clumping) ** 0.5


def test_the_same_seed_loses_the_same_packets(scene):
    scene.two_hosts(ipv6=False)
    survivors = []
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for run_number in range(2):
            wan = scene.wan(f"wan{run_number}", loss="10%", seed=77)
            send_numbered(a_wire, 1000)
            wan.wait_counted(rx_packets=1000)
            survivors.append([number_of(data) for data in received(b_wire, wan.counters()["tx_packets"])])
            assert wan.show()["seed"] == 77
            wan.settle()
    assert survivors[0] == survivors[1]
    assert 850 < len(survivors[0]) < 950


def test_packets_held_back_are_the_share_that_arrives_late(scene):
    """RFC 4737, section 3.3: reordered is what comes after something that was sent later."""
    count, hold_s = 2000, 1
    scene.two_hosts(ipv6=False)
    wan = scene.wan(reorder="5%", reorder_by=f"{hold_s}s", seed=2)
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for _ in range(5):  # a machine that stalls for so long has to try again
            before, started = wan.counters(), time.monotonic()
            send_numbered(a_wire, count)
            quick = time.monotonic() - started < hold_s
            wan.wait_counted(tx_packets=before["tx_packets"] + count)
            order = [number_of(data) for data in received(b_wire, count)]
            if quick:
                break
        assert quick, "sending took longer than packets are held back"
    reordered = wan.counters()["reordered"] - before["reordered"]
    assert sorted(order) == list(range(count))
    highest = -1
    late = 0
    for number in order:
        late += number < highest
        highest = max(highest, number)
    assert late == reordered
    assert 50 < reordered < 150


def test_packets_sent_ahead_overtake(scene):
    """The meaning of tc-netem(8): a share skips the delay."""
    count, delay_s = 1000, 1
    scene.two_hosts(ipv6=False)
    wan = scene.wan(delay=f"{delay_s}s", reorder="5%", reorder_by="ahead", seed=4)
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for _ in range(5):
            before, started = wan.counters(), time.monotonic()
            send_numbered(a_wire, count)
            quick = time.monotonic() - started < delay_s
            wan.wait_counted(tx_packets=before["tx_packets"] + count)
            order = [number_of(data) for data in received(b_wire, count)]
            if quick:
                break
        assert quick, "sending took longer than the delay"
    ahead = wan.counters()["reordered"] - before["reordered"]
    assert sorted(order) == list(range(count))
    assert order[:ahead] == sorted(order[:ahead]) and order[ahead:] == sorted(order[ahead:])
    assert order[ahead:] != list(range(ahead, count)) and 20 < ahead < 80


# ---- time ----

def test_no_packet_is_early(scene):
    """Each way has its delay; a packet takes that long at least, and its lateness is told."""
    scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="30ms/10ms")
    with contextlib.ExitStack() as stack:
        wires = scene.wires(stack)
        for here, there, delay_ns in ((*wires, 30_000_000), (*reversed(wires), 10_000_000)):
            for number in range(20):
                sent_ns = time.monotonic_ns()
                here.send(numbered(number))
                there.expect(numbered(number))
                assert time.monotonic_ns() - sent_ns >= delay_ns
    for way in WAYS:
        lateness = wan.way(way)["lateness"]
        assert sum(bucket["packets"] for bucket in lateness["buckets"]) == 20
        assert lateness["max_us"] >= lateness["mean_us"] > 0


def test_round_trip_time_shifts_by_the_delay(scene):
    a, b = scene.two_hosts()
    wan = scene.wan()
    a.ping(b.ipv4)

    def shortest_round_trip_ms():
        said = a.namespace.run("ping", "-n", "-c", "5", "-i", "0.01", "-W", "10", b.ipv4).stdout
        return float(re.search(r"= ([\d.]+)/", said).group(1))
    assert shortest_round_trip_ms() < 100
    wan.set(delay="100ms/20ms")
    assert shortest_round_trip_ms() >= 120
    wan.set(delay="/50ms")
    assert shortest_round_trip_ms() >= 150
    wan.set(delay="0")
    assert shortest_round_trip_ms() < 100


def test_the_rate_is_never_exceeded(scene):
    """1000 bytes at 200 kbit/s take 40 ms: no frame arrives before its time, however many are sent at once."""
    size, transmission_ns, limit = 1000, 40_000_000, 10
    a, b = scene.two_hosts(ipv6=False)
    wan = scene.wan(rate="200k", queue=limit)
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        first_ns = time.monotonic_ns()
        for number in range(40):
            a_wire.send(frame(b.mac, a.mac, struct.pack("!I", number), size=size))
        sending_ns = time.monotonic_ns() - first_ns
        # One is being sent, the queue is full, and one more fits for each that has left meanwhile.
        wait_until(lambda: wan.way()["held"] == 0, "the queue is empty", 20, every_s=0.05)
        counters = wan.counters()
        passed = counters["tx_packets"]
        assert limit + 1 <= passed <= limit + 2 + sending_ns // transmission_ns
        assert counters["drop_queue_full"] == 40 - passed
        for position in range(1, passed + 1):
            assert b_wire.receive(lambda seen: len(seen) == size) is not None
            assert time.monotonic_ns() - first_ns >= position * transmission_ns


# ---- a link that is changed ----

def test_changes_hold_at_once_and_mistakes_change_nothing(scene):
    a, b = scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="1ms", loss="100%/0")
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        for number in range(50):
            a_wire.send(numbered(number))
        wan.wait_counted(drop_loss=50)
        wan.set(loss="0")
        last = frame(b.mac, a.mac, b"the loss is over", size=60)
        a_wire.send(last)
        assert b_wire.received_before(last) == []
    before = wan.show()
    for status, wrong in ((1, ["--jitter", "2ms"]), (1, ["--delay", "5ms", "--reorder", "1%", "--jitter", "6ms/"]),
                          (2, ["--delay", "5"]), (2, ["--loss", "101%"]), (2, ["--latency", "5ms"]), (2, [])):
        done = wan.cli("set", *wrong, check=False)
        assert done.returncode == status and done.stderr.startswith("starocean: "), (wrong, done)
    assert [wan.way(way)["link"] for way in WAYS] == [before["directions"][way]["link"] for way in WAYS]


def test_the_control_socket_refuses_nonsense(scene):
    scene.two_hosts(ipv6=False)
    wan = scene.wan()

    def post(body):
        done = run("curl", "-s", "-o", "/dev/stderr", "-w", "%{http_code}", "--unix-socket", wan.socket_path,
                   "-H", "Content-Type: application/json", "--data-binary", body, "http://wan/v1/wan")
        return int(done.stdout), done.stderr
    for body in ("", "not JSON", "[]", '"x"', '{"a_to_b": 5}', '{"a_to_c": {}}', '{"a_to_b": {"delay": 5}}',
                 '{"a_to_b": {"dealy": "5ms"}}', '{"a_to_b": {"delay": "5ms"}, "b_to_a": {"delay": "x"}}',
                 '{"a_to_b": {"delay": "\\ud800"}}', "[" * 1000):
        code, answer = post(body)
        assert code == 422 and '"error"' in answer, (body[:40], code, answer)
    assert wan.way()["link"]["delay"] == "0", "half a change was made"
    code, answer = post('{"a_to_b": {"delay": "5ms"}}')
    assert code == 200 and '"delay":"5ms"' in answer


# ---- life and death ----

def test_killed_it_leaves_both_interfaces_to_linux(scene):
    a, b = scene.two_hosts(ipv6=False)
    scene.switch.ip("addr", "add", "10.0.0.101/32", "dev", "lan1")
    scene.switch.ip("route", "add", a.ipv4, "dev", "lan1")
    wan = scene.wan(delay="1ms")
    a.ping(b.ipv4)
    assert not a.reaches("10.0.0.101", patience_s=0.3), "while there is a link, all frames are the link's"
    wan.kill()
    for device in wan.devices:
        wait_until(lambda d=device: not scene.switch.has_xdp(d), f"{device} has no XDP program", 5)
    a.ping("10.0.0.101")
    again = scene.wan(delay="1ms")  # over what the killed one left behind
    a.ping(b.ipv4)
    assert again.running()


def test_told_to_end_it_counts_what_was_under_way(scene):
    scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="100s", rate="1M", duplicate="50%")
    with contextlib.ExitStack() as stack:
        a_wire, _ = scene.wires(stack)
        send_numbered(a_wire, 300)
        wait_until(lambda: wan.counters()["rx_packets"] == 300, "all frames are on the link")
        assert wan.way()["held"] >= 300
    assert wan.stop() == 0
    log = wan.log()
    summary = re.search(r"lan1 to lan2: in 300 out 0 lost 0 dropped (\d+) held 0", log)
    assert summary and int(summary.group(1)) > 300, log
    assert "all 32768 frames are accounted for" in log, log


def test_more_under_way_than_there_are_frames_for(scene):
    scene.two_hosts(ipv6=False)
    wan = scene.wan(delay="100s", frames=21760)
    capacity = wan.show()["frames"]["capacity"]
    assert capacity == 128
    with contextlib.ExitStack() as stack:
        a_wire, b_wire = scene.wires(stack)
        send_numbered(a_wire, capacity + 50)
        wait_until(lambda: wan.counters()["rx_packets"] == capacity + 50, "all frames were seen")
        shown = wan.way()
        assert shown["held"] == capacity and shown["counters"]["drop_no_room"] == 50
        # The other direction has its own room.
        wan.set(delay="/0")
        b_wire.send(numbered(7))
        a_wire.expect(numbered(7))


def test_an_end_that_is_down_or_gone(scene):
    a, b = scene.two_hosts(ipv6=False)
    wan = scene.wan()
    with contextlib.ExitStack() as stack:
        a_wire, _ = scene.wires(stack)
        a.ping(b.ipv4)
        b.namespace.link_down(b.device)
        wait_until(lambda: not wan.show()["interfaces"]["b"]["up"], "b is shown as down")
        before = wan.counters()["rx_packets"]
        send_numbered(a_wire, 10)
        wait_until(lambda: wan.counters()["rx_packets"] == before + 10, "frames are seen")
        wait_until(lambda: wan.counters()["drop_egress_down"] == 10, "frames are dropped by name")
    b.namespace.link_up(b.device)
    wait_until(lambda: wan.show()["interfaces"]["b"]["up"], "b is shown as up")
    a.ping(b.ipv4)
    wan.assert_conserved()
    scene.switch.ip("link", "del", "lan2")
    assert wan.process.wait(20) == 1
    assert "interface 'lan2' is gone" in wan.log() and "frames are accounted for" in wan.log()


def test_bad_beginnings(scene):
    """Each is refused in one sentence, and touches nothing."""
    scene.two_hosts(ipv6=False)
    space = scene.switch

    def refused(*words, status=1, control=f"{scene.lab.directory}/other.sock"):
        done = space.run(binary(), "wan", "--socket", control, *words, check=False)
        assert done.returncode == status, done
        sentence = [line for line in done.stderr.splitlines() if line.startswith("starocean: ")]
        assert len(sentence) == 1, done.stderr
        return sentence[0]
    ends = ("--a", "lan1", "--b", "lan2")
    assert "the same interface" in refused("--a", "lan1", "--b", "lan1")
    assert "Linux has no device of this name" in refused("--a", "lan1", "--b", "lan9")
    assert "--frames 21632 or more" in refused(*ends, "--frames", "4096")
    assert "CPU 1000" in refused(*ends, "--cpu", "1000")
    assert "would leave before they have arrived" in refused(*ends, "--jitter", "1ms", status=2)
    wan = scene.wan()
    assert "another starocean" in refused(*ends)
    assert "another starocean is running" in refused(*ends, control=wan.socket_path)
    assert wan.running() and "the link is there" in wan.log()
