"""Under load a worker sends by XDP_REDIRECT instead of through its sockets: whoever receives sees every frame once, in its
order and unchanged, whichever way it came, and also while the way changes."""

import os
import subprocess
import time

import pytest

from starocean_lab import gen, machine, wait_until
from starocean_lab.lab import bridge_config

FLOWS = ("--flows", 100)
FAULTS = ("duplicates", "reordered", "corrupted", "beyond_window", "unknown_flow", "other_stream")

pytestmark = pytest.mark.skipif(machine.cpus() < 2, reason="one CPU for load and daemon: no load would be enough")


@pytest.fixture
def switch(lab):
    """start(config changes): (daemon, sender, receiver), joined by a switch of one worker on CPU 1."""
    def start(io="auto", **more):
        config = bridge_config(2, **more)
        config["workers"] = {"cpus": [1]}
        for options in config["interfaces"].values():
            options["io"] = io
        namespace = lab.switch()
        hosts = [lab.host(number, namespace, ipv6=False) for number in (1, 2)]
        return lab.starocean(namespace, config), *hosts
    return start


def redirected(daemon):
    return sum(queue["counters"]["redirected"] for queue in daemon.show("queues")["queues"])


def worker(daemon):
    return daemon.show("workers")["workers"][0]


def words(sender, receiver):
    return ("--source-mac", sender.mac, "--destination-mac", receiver.mac, *FLOWS, "--cpu", 0)


def learned(sender, receiver):
    """The switch knows where both are, and they know each other: nothing is flooded, and Linux sends nothing of its own."""
    for one, other in ((sender, receiver), (receiver, sender)):
        one.namespace.ip("neigh", "replace", other.ipv4, "lladdr", other.mac, "nud", "permanent", "dev", one.device)
    sender.ping(receiver.ipv4)


def load_beside(sender, receiver, seconds):
    return sender.namespace.popen(gen.binary(), "gen", "send", "--interface", sender.device, *words(sender, receiver),
                                  "--rate", "flood", "--duration", f"{seconds}s", stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)


def load(sender, receiver, rate, seconds):
    return gen.send(sender.namespace, sender.device, *words(sender, receiver), "--rate", rate, "--duration", f"{seconds}s")


def assert_all_there(daemon, sent, report, before):
    """Nothing came twice, late or changed; what is missing did not get into the switch, or was dropped by name."""
    result = report["result"]
    assert {name: result[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    daemon.assert_conserved()
    out = daemon.interface("lan2")["counters"]["tx_packets"] - before
    assert result["received"] == out, "the receiver has all that the switch has sent"
    assert out <= sent["result"]["sent"]


def sink(lab, receiver):
    return gen.Receiver(lab, receiver.namespace, receiver.device, *FLOWS)


def under_load(lab, daemon, sender, receiver):
    """(receiver, sender) of a flood that goes on for ten seconds; the switch sends by redirect."""
    learned(sender, receiver)
    end = sink(lab, receiver)
    process = load_beside(sender, receiver, 10)
    wait_until(lambda: worker(daemon)["sends_by"] == "redirect", "it sends by redirect", 20, 0.1)
    return end, process


@pytest.mark.parametrize("io", ["auto", "af_xdp"])
def test_a_flood(lab, switch, io):
    daemon, sender, receiver = switch(io)
    learned(sender, receiver)
    end = sink(lab, receiver)
    # Programs were attached on both sides meanwhile; what they let Linux send is over.
    before = daemon.interface("lan2")["counters"]["tx_packets"]
    sent = load(sender, receiver, "flood", 4)
    daemon.assert_conserved()
    report = end.result()
    assert_all_there(daemon, sent, report, before)
    assert (redirected(daemon) > 0) == (io == "auto")
    assert worker(daemon)["counters"]["lost_wakeups"] == 0


def test_it_goes_back_to_sockets_and_to_sleep(lab, switch):
    daemon, sender, receiver = switch()
    learned(sender, receiver)
    end = sink(lab, receiver)
    before = daemon.interface("lan2")["counters"]["tx_packets"]
    sent = {"result": {"sent": 0}}
    for _ in range(5):
        for rate in ("flood", "20kpps"):
            sent["result"]["sent"] += load(sender, receiver, rate, 0.5)["result"]["sent"]
    assert redirected(daemon) > 0
    wait_until(lambda: worker(daemon)["sends_by"] == "sockets", "the load is over", 10, 0.1)
    wait_until(lambda: worker(daemon)["state"] == "sleeping", "the worker sleeps", 10, 0.1)

    def busy_ticks():
        """CPU time of the transmitting thread."""
        pid = daemon.process.pid
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as stat:
                name, fields = stat.read().rsplit(")", 1)
            if "transmit" in name:
                total += sum(int(field) for field in fields.split()[11:13])
        return total

    def rests():
        ticks = busy_ticks()
        time.sleep(0.5)
        return busy_ticks() == ticks
    wait_until(rests, "nobody looks for work", 10, 0)
    report = end.result()
    # Each run begins to count anew, which the checker takes for what came late.
    assert report["result"]["corrupted"] == 0
    daemon.assert_conserved()
    assert report["result"]["received"] == daemon.interface("lan2")["counters"]["tx_packets"] - before


def test_a_receiver_that_takes_no_redirected_frames_any_more(lab, switch):
    """When its other end loses the XDP program, a veth refuses them: sockets carry on, nothing that was sent is lost."""
    daemon, sender, receiver = switch()
    end, process = under_load(lab, daemon, sender, receiver)
    end.result()
    wait_until(lambda: worker(daemon)["sends_by"] == "sockets", "it sends through sockets", 20, 0.1)
    process.wait(30)
    daemon.assert_conserved()
    sender.ping(receiver.ipv4)


def test_ports_leave_and_the_configuration_changes_under_load(lab, switch):
    daemon, sender, receiver = switch()
    end, process = under_load(lab, daemon, sender, receiver)
    config = bridge_config(2)
    config["workers"] = {"cpus": [1]}
    without = bridge_config(2)
    without["workers"] = {"cpus": [1]}
    del without["interfaces"]["lan2"]
    without["bridges"]["lan"]["interfaces"] = ["lan1"]
    for _ in range(5):
        daemon.reload(without)
        daemon.reload(config)
    wait_until(lambda: worker(daemon)["sends_by"] == "redirect", "it sends by redirect again", 20, 0.1)
    process.wait(30)
    daemon.assert_conserved()
    end.result()
    sender.ping(receiver.ipv4)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_ends_while_it_sends(lab, switch, how):
    """The thread is inside the kernel all the while; the process ends all the same."""
    daemon, sender, receiver = switch()
    end, process = under_load(lab, daemon, sender, receiver)
    getattr(daemon, how)()
    assert not daemon.running()
    process.wait(30)
    result = end.result()["result"]
    assert {name: result[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
