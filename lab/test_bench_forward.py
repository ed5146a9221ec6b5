"""`starocean bench forward`: the instrument in small. Its figures are nobody's business here; that every frame was
checked, that what is missing is said, and that nothing is left behind is."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from starocean_lab import machine
from starocean_lab.daemon import binary
from starocean_lab.shell import run, wait_until

# What the benchmark itself needs on the PATH; no system of others.
_TOOLS = ("sh", "ip", "ethtool")
_KERNEL_DUTS = "xdp-redirect,linux-bridge"


@pytest.fixture
def place(tmp_path):
    """(environment, directory, scratch): a PATH without anybody else's programs; TMPDIR is `scratch`."""
    reason = machine.missing(_TOOLS)
    if not reason and machine.cpus() < 2:
        reason = "generator and forwarder need a CPU each, and there is one"
    if reason:
        pytest.skip(reason)
    programs = tmp_path / "programs"
    programs.mkdir()
    for tool in _TOOLS:
        (programs / tool).symlink_to(shutil.which(tool))
    # A short name: sockets are made in it.
    with tempfile.TemporaryDirectory(prefix="so-") as scratch:
        yield {**os.environ, "PATH": str(programs), "TMPDIR": scratch}, tmp_path, pathlib.Path(scratch)


def programs_of_bench():
    """How many of the benchmark's BPF programs the kernel holds: any machine-wide, so compare."""
    shown = json.loads(run("bpftool", "-j", "prog", "show").stdout)
    names = ("generate", "check_xdp", "count_poll", "redirect_first", "steer_xdp", "cpu_thief")
    return sum(program.get("name", "").startswith(names) for program in shown)


def children(pid):
    """{process id: command line} of the children."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rsplit(")", 1)[1].split()[1]
            if int(parent) == pid:
                found[int(stat.parent.name)] = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError, IndexError):
            continue
    return found


def assert_nothing_left(scratch, processes, programs):
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes), "its processes are gone", 10)
    wait_until(lambda: not list(scratch.iterdir()), "its files are gone", 10)
    wait_until(lambda: programs_of_bench() <= programs, "its programs are out of the kernel", 10)


def test_measures_and_says_what_is_missing(place):
    environment, directory, scratch = place
    out = directory / "out"
    done = subprocess.run([binary(), "bench", "forward", "--quick", "--soak", "1", "--json", "--out", out, "--dut",
                           f"starocean,testpmd,{_KERNEL_DUTS}"],
                          env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["schema_version"] == 1 and not results["interrupted"]
    assert results == json.loads((out / "forward.json").read_text())
    duts = {dut["name"]: dut for dut in results["duts"]}
    assert not duts["testpmd"]["available"]
    assert "not installed" in duts["testpmd"]["reason"]
    assert "testpmd: not available" in (out / "forward.md").read_text()
    assert "gnuplot is not installed" in done.stderr and not (out / "forward.svg").exists()
    assert any("too short" in note for note in results["notes"])

    assert not list(scratch.iterdir())

    [scenario] = results["scenarios"]
    turns = {turn["dut"]: turn for turn in scenario["turns"]}
    for name in ("starocean", "xdp-redirect", "linux-bridge"):
        turn = turns[name]
        assert turn["failure"] == "", f"{name}: {turn['failure']}"
        assert turn["engine"] == "bpf-live-frames" and turn["engine_reason"]
        assert turn["frames_verified"] > 10_000
        assert turn["corrupted"] == turn["duplicates"] == 0
        for trial in (turn["flood"], turn["pdr"]["trial"], turn["delay_common_rate"]):
            assert trial["generated"] == trial["received"] + trial["lost"]
        assert turn["flood"]["received_pps"] > 0
        assert duts[name]["version"] and duts[name]["settings"]
    assert turns["starocean"]["flood"]["flooded"] == 0, "the switch had been taught all addresses"
    assert 0 < turns["starocean"]["flood"]["system_calls_per_packet"] < 1
    soak = turns["starocean"]["soak"]
    assert soak["frames_missing"] == 0 and soak["trial"]["generated"] > 10_000
    assert soak["trial"]["generated"] == soak["trial"]["received"] + soak["trial"]["lost"]
    assert soak["resident_before_bytes"] > 0
    seconds = soak["seconds_by_absence"]
    assert sum(each["seconds"] for each in seconds) >= 1
    assert sum(each["lost"] for each in seconds) == soak["trial"]["lost"]
    assert soak["forwarder_cpu_absences"]["sum_ns"] >= soak["forwarder_cpu_absences"]["longest_ns"]
    assert "resident memory" in (out / "forward.md").read_text()
    summaries = {summary["dut"]: summary for summary in scenario["summary"]}
    assert summaries["starocean"]["flood_to_starocean"]["median"] == 1
    assert summaries["starocean"]["flood_to_best_peer"] is None, "there was no peer"


def test_delay_at_rates_and_nothing_else(place):
    environment, directory, _ = place
    out = directory / "out"
    done = subprocess.run([binary(), "bench", "forward", "--quick", "--json", "--out", out, "--out-name", "delay",
                           "--dut", "starocean,xdp-redirect", "--delay-at", "5k,20k"],
                          env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    scenario, = json.loads(done.stdout)["scenarios"]
    assert [turn["dut"] for turn in scenario["turns"]] == ["starocean", "xdp-redirect"]
    for turn in scenario["turns"]:
        assert "flood" not in turn and "pdr" not in turn and not turn["failure"]
        assert [trial["asked_pps"] for trial in turn["delay_at_rates"]] == [5000, 20000]
        for trial in turn["delay_at_rates"]:
            assert trial["delay_from_sent_ns"]["count"] == trial["received"] > 0
            assert trial["generated"] == trial["received"] + trial["lost"]
    assert "| device | 5k | 20k |" in (out / "delay.md").read_text()


_OVS_PROGRAMS = ("ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl")


@pytest.mark.parametrize("other", ["linux-route", "ovs-route"])
def test_routers_route(place, other):
    """What comes out has a TTL less by one and the next hop's MAC address, or the checker would call it corrupted."""
    environment, directory, scratch = place
    if other == "ovs-route":
        absent = [program for program in _OVS_PROGRAMS if not shutil.which(program)]
        if absent:
            pytest.skip(f"Open vSwitch is not installed: no {', '.join(absent)}; scripts/bootstrap bench installs it")
        environment = {**environment, "PATH": os.environ["PATH"]}
    done = subprocess.run([binary(), "bench", "forward", "--quick", "--json", "--out", directory, "--out-name", "routed",
                           "--dut", f"starocean-route,{other}"],
                          env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results == json.loads((directory / "routed.json").read_text())
    assert [dut["job"] for dut in results["duts"]] == ["route", "route"]
    assert not list(scratch.iterdir())

    [scenario] = results["scenarios"]
    assert scenario["macs_per_side"] == 0 and scenario["destinations"] == 500
    for turn in scenario["turns"]:
        assert turn["failure"] == "", f"{turn['dut']}: {turn['failure']}"
        assert turn["frames_verified"] > 10_000
        assert turn["corrupted"] == turn["duplicates"] == 0
        for trial in (turn["flood"], turn["pdr"]["trial"], turn["delay_common_rate"]):
            assert trial["generated"] == trial["received"] + trial["lost"]
        assert turn["flood"]["received"] > 0
    ours, theirs = scenario["turns"]
    for trial in (ours["flood"], ours["pdr"]["trial"], ours["delay_common_rate"]):
        assert trial["generated"] >= trial["routed"] >= trial["received"], "the daemon routed all of it, and not Linux"
    assert "routed" not in theirs["flood"]
    summary = {summary["dut"]: summary for summary in scenario["summary"]}["starocean-route"]
    if other == "ovs-route":
        assert summary["flood_to_best_peer"]["count"] == 1
    else:
        assert summary["flood_to_best_peer"] is None, "Linux is no peer"


def test_takes_part_of_the_forwarders_cpu_away(place):
    environment, directory, _ = place
    programs = programs_of_bench()
    done = subprocess.run([binary(), "bench", "forward", "--quick", "--json", "--out", directory, "--dut", "starocean",
                           "--forwarder-share", "40"],
                          env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    [turn] = results["scenarios"][0]["turns"]
    assert turn["failure"] == "", turn["failure"]
    # Nothing is taken while the CPU is idle, which is as long as it takes.
    assert 0 < turn["forwarder_cpu_taken"] < 1
    assert "of which 40 % are left to it" in results["method"]["forwarder"]
    assert "--forwarder-share 40" in results["method"]["command"] or "--quick" in results["method"]["command"]
    assert turn["cpus"]["distance"] in ("one core", "near", "far")
    assert 0 < turn["cpus"]["line_least_ns"] <= turn["cpus"]["line_most_ns"]
    assert turn["frames_verified"] > 10_000 and turn["corrupted"] == turn["duplicates"] == 0
    assert "of the forwarder's CPU" in (directory / "forward.md").read_text()
    wait_until(lambda: programs_of_bench() <= programs, "its programs are out of the kernel", 10)


def test_long_frames_are_sent_by_af_xdp(place):
    """9018 bytes are an MTU of 9000, and several buffers at every step. Which engine sent is part of the result."""
    environment, _, scratch = place
    done = subprocess.run([binary(), "bench", "forward", "--quick", "--json", "--scenario", "9018@16", "--dut",
                           "starocean,linux-bridge"],
                          env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(scratch.iterdir())
    results = json.loads(done.stdout)
    assert "AF_XDP" in results["method"]["generator"]
    [scenario] = results["scenarios"]
    assert scenario["frame_bytes"] == [9018] and scenario["flows"] == 16
    assert [turn["dut"] for turn in scenario["turns"]] == ["starocean", "linux-bridge"]
    for turn in scenario["turns"]:
        assert turn["failure"] == "", f"{turn['dut']}: {turn['failure']}"
        assert turn["engine"] == "af-xdp" and "longer than live frames" in turn["engine_reason"]
        assert turn["frames_verified"] > 3000
        assert turn["corrupted"] == turn["duplicates"] == 0
        for trial in (turn["flood"], turn["pdr"]["trial"]):
            assert trial["generated"] == trial["received"] + trial["lost"]
        assert turn["flood"]["received"] > 0
        assert "delay_common_rate" not in turn, "the engine cannot send at that rate"
    assert scenario["turns"][0]["flood"]["flooded"] == 0, "short frames had taught the switch all addresses"


def test_who_cannot_forward_long_frames_is_named_with_the_reason(place):
    """Open vSwitch's AF_XDP program has no fragments. It is in the report all the same, and the others go on."""
    environment, directory, scratch = place
    absent = [program for program in _OVS_PROGRAMS if not shutil.which(program)]
    if absent:
        pytest.skip(f"Open vSwitch is not installed: no {', '.join(absent)}; scripts/bootstrap bench installs it")
    done = subprocess.run([binary(), "bench", "forward", "--quick", "--json", "--scenario", "9018@16", "--out", directory,
                           "--dut", "ovs,linux-bridge"],
                          env={**environment, "PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert not list(scratch.iterdir())
    ovs, bridge = json.loads(done.stdout)["scenarios"][0]["turns"]
    if ovs["failure"] == "":
        assert ovs["frames_verified"] > 3000, "a version that can"
    else:
        assert "cannot give in0 to Open vSwitch" in ovs["failure"] and "MTU" in ovs["failure"]
        assert ovs["failure"] in (directory / "forward.md").read_text()
    assert bridge["failure"] == "" and bridge["frames_verified"] > 3000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_leaves_nothing_behind(place, number):
    environment, directory, scratch = place
    out = directory / "out"
    programs = programs_of_bench()
    with subprocess.Popen([binary(), "bench", "forward", "--trial-seconds", "60", "--out", out, "--dut",
                           "starocean,linux-bridge", "--forwarder-share", "50"], env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as bench:
        wait_until(lambda: any(" run --config " in words for words in children(bench.pid).values()),
                   "the first device under test runs", 30)
        assert programs_of_bench() > programs and list(scratch.iterdir())
        processes = list(children(bench.pid))
        bench.send_signal(number)
        status = bench.wait(20)
        complaint = bench.stderr.read()
    assert_nothing_left(scratch, processes, programs)
    if number == signal.SIGKILL:
        assert status == -number
        return
    assert status == 1, complaint
    partial = json.loads((out / "forward.json").read_text())
    assert partial["interrupted"]
    assert any("interrupted" in note for note in partial["notes"])
