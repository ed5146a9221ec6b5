"""`starocean doctor` beside what runs: what it leaves alone, what it mends by itself, what the daemon says at start."""

import subprocess
import threading

import pytest

from starocean_lab import machine, run, traffic, wait_until
from starocean_lab.daemon import binary
from starocean_lab.doctor import NOBODY, doctor, space_of_two, written
from starocean_lab.lab import bridge_config


@pytest.fixture(name="switch")
def _switch(lab):
    return space_of_two(lab)


# ---- what it leaves alone ----

def test_traffic_goes_on_during_trials(lab, switch):
    """Two hosts talk through Linux's own bridge while doctor tries one of its ports again and again."""
    switch.ip("link", "add", "br0", "type", "bridge")
    for port in ("lan1", "lan2"):
        switch.ip("link", "set", port, "master", "br0")
    switch.link_up("br0")
    a, b = lab.hosts_of_switch
    wait_until(lambda: a.reaches(b.ipv4), "the bridge forwards", 60)
    assert "belongs to 'br0'" in doctor(switch, "lan1", trial="auto")["trial", "lan1"]["text"]
    transfers = []
    talking = threading.Thread(target=lambda: transfers.append(traffic.tcp_transfer(a, b, 200_000_000)))
    talking.start()
    rounds = 0
    while talking.is_alive() or rounds < 2:
        report = doctor(switch, "lan1", trial="always")
        assert report["trial", "lan1"]["verdict"] == "ok"
        rounds += 1
    talking.join()
    assert transfers and transfers[0].received_sha256 == transfers[0].sent_sha256
    trial = report.json["interfaces"][0]["trial"]
    assert trial["native"]["granted"] and trial["copy"]["granted"] and trial["multi_buffer"]["granted"]
    assert not trial["zero_copy"]["granted"], "veth has none"
    assert not switch.has_xdp("lan1")


def test_a_killed_doctor_leaves_nothing(switch):
    for _ in range(5):
        process = switch.popen(binary(), "doctor", "lan1", stdout=subprocess.DEVNULL)
        wait_until(lambda: process.poll() is not None or switch.has_xdp("lan1"), "a program is attached")
        process.kill()
        process.wait()
    wait_until(lambda: not switch.has_xdp("lan1"), "the kernel has detached the program")
    assert doctor(switch, "lan1", trial="auto")["trial", "lan1"]["verdict"] == "ok"
    assert not switch.has_xdp("lan1")


def test_beside_a_running_daemon(lab):
    daemon, (a, b) = lab.switched(2)
    report = doctor(daemon.namespace, trial="always")
    for port in ("lan1", "lan2"):
        assert report["xdp-program", port]["verdict"] == "ok"
        assert "starocean has it" in report["xdp-program", port]["text"]
        assert "left alone" in report["trial", port]["text"]
    assert report.status == 0
    assert {i["name"] for i in report.json["interfaces"]} == {"lan1", "lan2"}, "our helpers are not examined"
    a.ping(b.ipv4, count=5)


def test_without_root(lab, switch):
    """Looks at what it may, says what it may not, and is no failure."""
    report = doctor(switch, "lan1", trial="auto", prefix=(*NOBODY, "--bounding-set", "-all", "--inh-caps", "-all"))
    assert report.status == 0
    assert "lacks CAP_" in report["trial", "lan1"]["text"]
    assert "CAP_NET_RAW" in report["kernel-features", ""]["text"]
    assert report["peer", "lan1"]["verdict"] == "note"
    assert report["xdp-native", "lan1"]["verdict"] == "ok", "the kernel's report needs no root"
    assert report["mtu", "lan1"]["verdict"] == "ok"
    text = switch.run(*NOBODY, binary(), "doctor", "lan1").stdout
    assert "not made: this process lacks CAP_" in text


def test_fix(lab, switch):
    """Mends what is safe, says what it did, and leaves the rest with its remedies."""
    lab.huge_pages(0)
    switch.ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    switch.link_up("va", "vb")
    switch.ip("link", "set", "vb", "mtu", 9000)
    report = doctor(switch, "va", "--fix")
    fixes = {(fix["id"], fix["interface"]): fix for fix in report.json["fixes"]}
    assert fixes["tx-checksum", "va"]["command"] == "ethtool -K vb tx off"
    for fix in fixes.values():
        assert fix["exit_status"] == 0 and fix["mended"], fix
    assert report["tx-checksum", "va"]["verdict"] == "ok"
    if machine.huge_pages()["total"]:
        assert report["huge-pages", ""]["verdict"] == "ok"
    assert report["peer-mtu", "va"]["verdict"] == "warning", "an MTU is never changed"
    assert switch.links()["vb"]["mtu"] == 9000
    again = switch.run(binary(), "doctor", "va", "--fix", check=False)
    assert again.returncode == 0 and "fixes" not in again.stdout, "a warning is left, and nothing to do"


def test_the_daemon_says_it_at_start(lab, switch):
    """And starts all the same."""
    lab.hosts_of_switch[0].namespace.ip("link", "set", "eth0", "mtu", 2000)
    config = bridge_config(2)
    daemon = lab.starocean(switch, config)
    warnings = [line for line in daemon.log().splitlines() if "(peer-mtu)" in line]
    assert len(warnings) == 1 and "'lan1'" in warnings[0], daemon.log()
    remedy = warnings[0].split("`")[1]
    assert remedy == f"ip netns exec {lab.hosts_of_switch[0]} ip link set dev eth0 mtu 1500"
    assert "(tx-checksum)" not in daemon.log(), "it finishes them"
    daemon.stop()
    switch.run("sh", "-c", remedy)
    assert "(peer-mtu)" not in lab.starocean(switch, config, name="again").log()


# ---- words and forms ----

def test_the_text_says_what_the_json_says(switch):
    report = doctor(switch)
    text = switch.run(binary(), "doctor", "--trial", "never", check=False).stdout
    for finding in report.json["findings"]:
        if finding["id"] in ("huge-pages", "neighbours"):
            continue  # counts that others may change between the two runs
        assert finding["text"] in text, finding
        assert finding["remedy"] in text, finding
    assert report["trial", "lan1"]["text"] == "not made: it was not wanted"


@pytest.mark.parametrize("words, status, said", [
    (["--nonsense"], 2, "nonsense"),
    (["--trial", "maybe"], 2, "maybe"),
    (["--config"], 2, "--config"),
    (["nosuch0"], 1, "nosuch0"),
    (["a" * 300], 1, "aaaa"),
    ([""], 1, "''"),
    (["--config", "/nosuch.yaml"], 1, "/nosuch.yaml"),
], ids=["option", "trial", "no file", "no device", "long name", "empty name", "no such file"])
def test_wrong_words(words, status, said):
    done = run(binary(), "doctor", *words, check=False)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("starocean: ") and said in done.stderr


def test_a_configured_device_that_is_not_there(lab, switch):
    config = bridge_config(2)
    config["interfaces"]["lan2"] = {"device": "nosuch0"}
    report = doctor(switch, "--config", written(lab, config))
    assert report.status == 1
    assert report["device", "nosuch0"]["verdict"] == "fault"
    assert "doctor.yaml" in report["device", "nosuch0"]["text"]
