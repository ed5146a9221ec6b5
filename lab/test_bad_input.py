"""What can be wrong at the start: refused in one sentence with place, cause and remedy, by the right exit
status, and with nothing left attached."""

import json
import os

import pytest

from starocean_lab import run
from starocean_lab.daemon import binary
from starocean_lab.lab import bridge_config

def complaint(text):
    """The one thing that was said to the person; log lines are not it."""
    said = [line for line in text.splitlines() if line.startswith("starocean: ")]
    assert len(said) == 1, f"expected one sentence, got:\n{text}"
    return said[0]


def refused(lab, switch, config, *fragments, status=1, prefix=(), name="refused"):
    """A daemon that must not start; its sentence holds every fragment, and nothing stays behind."""
    links = set(switch.links())
    attached = {device: switch.links()[device].get("xdp", {}).get("prog", {}).get("id") for device in links}
    daemon = lab.starocean(switch, config, name=name, start=False, prefix=prefix).launch()
    assert daemon.wait() == status, daemon.log()
    sentence = complaint(daemon.log())
    for fragment in fragments:
        assert fragment in sentence, f"'{fragment}' is missing in: {sentence}"
    after = switch.links()
    assert set(after) == links
    assert {device: after[device].get("xdp", {}).get("prog", {}).get("id") for device in after} == attached
    assert not daemon.socket_path.exists()
    return sentence


@pytest.fixture
def switch(lab):
    """A namespace with lan1 and lan2, each cabled to a host."""
    space = lab.switch()
    lab.hosts_of_switch = [lab.host(number, space) for number in (1, 2)]
    return space


def test_unknown_interface(lab, switch):
    config = bridge_config(2)
    config["interfaces"]["lan2"] = {"device": "nosuch0"}
    refused(lab, switch, config, "nosuch0", "ip link")


def test_interface_taken_by_another_starocean(lab, switch):
    first = lab.starocean(switch, bridge_config(2))
    refused(lab, switch, bridge_config(2), "lan1", "another", "stop", name="second")
    a, b = lab.hosts_of_switch
    a.ping(b.ipv4, count=5)
    assert first.running()


def test_socket_taken_by_another_starocean(lab, switch):
    first = lab.starocean(switch, bridge_config(1))
    config = bridge_config(2)
    del config["interfaces"]["lan1"]
    config["bridges"]["lan"]["interfaces"] = ["lan2"]
    path = os.path.join(lab.directory, "second.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    done = switch.run(binary(), "run", "--config", path, "--socket", first.socket_path, check=False)
    assert done.returncode == 1
    assert str(first.socket_path) in complaint(done.stderr)
    assert not switch.has_xdp("lan2")
    assert first.show("interfaces")["interfaces"]


@pytest.mark.parametrize("mode", ["xdp", "xdpgeneric"])
def test_foreign_program_present(lab, switch, foreign_object, mode):
    """It is named and stays attached; never evicted."""
    switch.ip("link", "set", "dev", "lan2", mode, "object", foreign_object, "section", "xdp")
    before = switch.links()["lan2"]["xdp"]["prog"]["id"]
    refused(lab, switch, bridge_config(2), "lan2", f"id {before}", f"ip link set dev lan2 {mode} off")
    assert switch.links()["lan2"]["xdp"]["prog"]["id"] == before
    assert not switch.has_xdp("lan1")


def test_no_privileges(lab, switch):
    refused(lab, switch, bridge_config(2), "CAP_", "root",
            prefix=("setpriv", "--bounding-set", "-all", "--inh-caps", "-all"))


def test_no_huge_pages(lab, switch):
    lab.huge_pages(0)
    refused(lab, switch, bridge_config(2, memory={"hugepages": "2M"}), "huge pages", "nr_hugepages",
            "hugepages: auto")


def test_queue_count_that_does_not_exist(lab, switch):
    config = bridge_config(2)
    config["interfaces"]["lan2"] = {"queues": 3}
    refused(lab, switch, config, "lan2", "queues", "3", "1")


def test_mtu_above_what_the_mode_carries(lab, switch):
    for space, device in ((switch, "lan2"), (lab.hosts_of_switch[1].namespace, "eth0")):
        space.ip("link", "set", device, "mtu", 9000)
    config = bridge_config(2)
    config["interfaces"]["lan2"] = {"attach": "generic"}
    refused(lab, switch, config, "lan2", "MTU", "9000", "ip link set dev lan2 mtu")


def test_zero_copy_where_there_is_none(lab, switch):
    config = bridge_config(2)
    config["interfaces"]["lan2"] = {"zerocopy": "require"}
    refused(lab, switch, config, "lan2", "zero-copy", "zerocopy: auto")


def test_too_few_frames(lab, switch):
    refused(lab, switch, bridge_config(2, memory={"frames": 4096}), "memory", "frames", "4096")


def test_cpu_that_does_not_exist(lab, switch):
    config = bridge_config(2)
    config["workers"] = {"cpus": [4095]}
    refused(lab, switch, config, "4095", "cpu")


# ---- the text of the configuration; the same words from `run`, `config check` and `reload` ----

GOOD = """\
version: 1
workers: {cpus: [0]}
memory: {frames: 16384}
interfaces:
  lan1: {}
  lan2: {}
bridges:
  lan: {interfaces: [lan1, lan2]}
"""

# (name, what to replace, by what, place "line:column", what the sentence must hold)
MISTAKES = [
    ("wrong type", "frames: 16384", "frames: many", "3:18", ["memory.frames", "many"]),
    ("list for a number", "frames: 16384", "frames: [1]", "3:18", ["memory.frames"]),
    ("number for a mapping", "memory: {frames: 16384}", "memory: 16384", "3:9", ["memory"]),
    ("text for a list", "interfaces: [lan1, lan2]", "interfaces: lan1", "8:21", ["bridges.lan.interfaces"]),
    ("unknown key", "lan2: {}", "lan2: {qeues: 1}", "6:10", ["qeues", "queues"]),
    ("unknown section", "memory:", "memroy:", "3:1", ["memroy", "memory"]),
    ("duplicate port", "  lan2: {}", "  lan2: {}\n  lan2: {}", "7:3", ["lan2", "6:3"]),
    ("duplicate member", "[lan1, lan2]", "[lan1, lan1]", "8:28", ["lan1"]),
    ("member that is no interface", "[lan1, lan2]", "[lan1, lan9]", "8:28", ["lan9"]),
    ("same device twice", "lan2: {}", "lan2: {device: lan1}", "6:18", ["lan1"]),
    ("port in two bridges", "lan2]}\n", "lan2]}\n  other: {interfaces: [lan2]}\n", "9:24", ["lan2", "lan"]),
    ("wrong version", "version: 1", "version: 2", "1:10", ["version", "2"]),
    ("no version", "version: 1\n", "", "1:1", ["version"]),
    ("syntax", "  lan1: {}", "  lan1: {", "", []),
    ("tab", "  lan1: {}", "\tlan1: {}", "5:", ["tab"]),
    ("out of range", "frames: 16384", "frames: -1", "3:18", ["memory.frames"]),
    ("bad duration", "lan: {interfaces", "lan: {mac_aging: soon, interfaces", "8:20", ["mac_aging", "soon"]),
    ("bad MAC", "lan2]}", "lan2], static: {\"02:00\": lan1}}", "8:44", ["02:00"]),
]


@pytest.mark.parametrize("old, new, place, fragments", [mistake[1:] for mistake in MISTAKES],
                         ids=[mistake[0] for mistake in MISTAKES])
def test_mistakes_in_the_file(lab, old, new, place, fragments):
    assert old in GOOD
    path = os.path.join(lab.directory, "site.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(GOOD.replace(old, new, 1))
    checked = run(binary(), "config", "check", path, check=False)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    sentence = complaint(checked.stderr)
    assert f"{path}:{place}" in sentence, sentence
    for fragment in fragments:
        assert fragment in sentence, f"'{fragment}' is missing in: {sentence}"
    # `run` says the same, without touching anything.
    ran = run(binary(), "run", "--config", path, "--socket", os.path.join(lab.directory, "x.sock"), check=False)
    assert ran.returncode == 1
    assert complaint(ran.stderr) == sentence


def test_a_good_file_checks_without_privileges_or_devices(lab):
    path = os.path.join(lab.directory, "site.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(GOOD)
    done = run("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", binary(), "config", "check", path)
    assert "lan1" in done.stdout


def test_a_missing_file(lab):
    done = run(binary(), "config", "check", os.path.join(lab.directory, "absent.yaml"), check=False)
    assert done.returncode == 1 and "absent.yaml" in complaint(done.stderr)


def test_a_bad_reload_changes_nothing(lab, switch):
    daemon = lab.starocean(switch, bridge_config(2))
    before = daemon.show("interfaces")
    for broken in (GOOD.replace("lan2]", "lan9]"), GOOD, ":"):  # GOOD has another `memory`
        daemon.write_config(broken)
        done = daemon.cli("reload", check=False)
        assert done.returncode == 1
        complaint(done.stderr)
    after = daemon.show("interfaces")
    assert after["generation"] == before["generation"]
    a, b = lab.hosts_of_switch
    a.ping(b.ipv4, count=5)


@pytest.mark.parametrize("words", [[], ["nonsense"], ["run"], ["show"], ["show", "nonsense"], ["run", "--config"],
                                   ["echo", "--interface", "lan1"],
                                   ["echo", "--interface", "lan1", "--address", "10.0.0.300"],
                                   ["echo", "--interface", "lan1", "--address", "10.0.0.1", "--mac", "02:00"],
                                   ["echo", "--interface", "lan1", "--address", "10.0.0.1", "--queue", "-1"]],
                         ids=lambda words: " ".join(words) or "nothing")
def test_wrong_usage(words):
    done = run(binary(), *words, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("starocean: ")


def test_nobody_answers(lab):
    path = os.path.join(lab.directory, "none.sock")
    done = run(binary(), "--socket", path, "show", "interfaces", check=False)
    assert done.returncode == 1 and path in complaint(done.stderr)


@pytest.mark.parametrize("words, fragments", [
    (("--interface", "nosuch0", "--address", "10.0.0.50"), ["nosuch0"]),
    (("--interface", "lan1", "--address", "10.0.0.50", "--queue", "7"), ["lan1", "7"]),
], ids=["interface", "queue"])
def test_echo_refuses(switch, words, fragments):
    done = switch.run(binary(), "echo", *words, check=False, timeout_s=20)
    assert done.returncode == 1, done.stderr
    for fragment in fragments:
        assert fragment in complaint(done.stderr)
    assert not switch.has_xdp("lan1")
