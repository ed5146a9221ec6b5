"""`starocean bench rx-path`: every place of the receive path counts what it was given, exactly, and nothing stays
behind. Which place is the fastest is not decided here: that is a measurement (docs/bench-rx-path.md)."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from starocean_lab import machine, wait_until
from starocean_lab.daemon import binary

# From the first place to the last. The kernel has those without a tool behind them wherever labs run at all.
RUNGS = {"xdp-native": None, "xdp-generic": None, "tc-ingress": None, "netdev-ingress": "nft", "prerouting": "nft",
         "local-in": "nft", "no-handler": None, "af-packet": None, "af-packet-mmap": None, "udp-socket": None,
         "af-xdp": None}
PROGRAMS = {"drop_in_xdp", "drop_in_tc"}

pytestmark = [
    pytest.mark.skipif(machine.missing(("ip", "ethtool", "bpftool")) != "",
                       reason=machine.missing(("ip", "ethtool", "bpftool")) or "-"),
    pytest.mark.skipif(machine.cpus() < 2, reason="the ladder needs two CPUs: one generates, one receives")]


def command(*words):
    return [str(word) for word in (binary(), "bench", "rx-path", *words)]


def run(*words, prefix=()):
    return subprocess.run([*prefix, *command(*words)], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """(JSON, directory, what was said) of one short run of everything."""
    directory = tmp_path_factory.mktemp("rx-path") / "new"
    done = run("--quick", "--json", "--out", directory)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), directory, done.stderr


def loads(ladder):
    """(case, load's name, its measurement) of all that was measured."""
    for case in ladder["rungs"] + ladder["tunings"]:
        for trial in case["trials"]:
            for load in ("flood", "at_rate"):
                if trial[load] is not None:
                    yield case, load, trial[load]


def test_every_rung_handles_packets_or_says_why_not(ladder):
    result = ladder[0]
    assert result["schema_version"] == 1
    assert [rung["name"] for rung in result["rungs"]] == list(RUNGS)
    for rung in result["rungs"]:
        tool = RUNGS[rung["name"]]
        if tool is not None and not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            assert not rung["available"] and "not installed" in rung["unavailable_because"]
            assert rung["trials"] == []
            continue
        assert rung["available"], rung["unavailable_because"]
        (trial,) = rung["trials"]
        assert trial["flood"]["total"]["handled"] > 0, rung["name"]
        assert trial["at_rate"]["total"]["handled"] > 0, rung["name"]
    for tuning in result["tunings"]:
        assert tuning["base"] in RUNGS
        assert tuning["trials"] or tuning["unavailable_because"], tuning["name"]
    assert result["machine"]["cpu"] and result["machine"]["kernel"]
    assert result["settings"]["receive_cpu"] != result["settings"]["generate_cpu"]
    granted = {rung["name"]: rung["trials"][0]["granted"] for rung in result["rungs"] if rung["trials"]}
    assert granted["af-xdp"] == "copy mode", "what was granted on veth is said"


def test_what_was_on_the_wire_was_handled_or_lost(ladder):
    """To the packet, by the generator's count and the rung's own."""
    checked = 0
    for case, load, measured in loads(ladder[0]):
        where = f"{case['name']}, {load}"
        total = measured["total"]
        assert total["unaccounted"] == 0, where
        assert total["on_wire"] == total["handled"] + sum(total["lost"].values()), where
        assert 0 < total["on_wire"] <= total["generated"], where
        assert measured["handled"] <= total["handled"], where
        checked += 1
    assert checked >= 2 * (len(RUNGS) - 3)


def test_a_second_count_of_the_same_packets_agrees(ladder):
    """Where a BPF program has seen the packets too, and where Linux might have answered them."""
    seen = set()
    for case, load, measured in loads(ladder[0]):
        total, beside = measured["total"], measured["total"]["beside"]
        where = f"{case['name']}, {load}"
        for second in ("Linux's copy dropped in tc", "redirected by the program"):
            if second in beside:
                assert beside[second] == total["on_wire"], where
                seen.add(case["name"])
        assert beside.get("answered with an ICMP error", 0) <= total["handled"] / 100, where
        assert beside.get("left to Linux: not ours", 0) == 0, where
    assert {"af-packet", "af-packet-mmap", "af-xdp"} <= seen


def test_files(ladder):
    result, directory, said = ladder
    assert json.loads((directory / "rx-path.json").read_text()) == result
    text = (directory / "rx-path.md").read_text()
    for rung in result["rungs"]:
        assert f"| {rung['title']} |" in text
    for paragraph in result["conclusions"]:
        assert paragraph in text
    if shutil.which("gnuplot"):
        assert (directory / "rx-path.png").read_bytes().startswith(b"\x89PNG\r\n")
        assert (directory / "rx-path.svg").read_text().rstrip().endswith("</svg>")
        assert len(list(directory.iterdir())) == 4, "nothing but the four files"
    else:
        assert "gnuplot-nox" in said


def programs():
    """How many of the ladder's BPF programs the kernel has."""
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True).stdout
    return sum(program.get("name") in PROGRAMS for program in json.loads(shown))


def napi_threads(pid):
    """Kernel threads of the devices that the process made: they live as long as the devices do."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = (entry / "comm").read_text()
            except OSError:
                continue
            if name.startswith(f"napi/r{pid}x"):
                found.append(name.strip())
    return found


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.split()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_ended_in_the_middle_it_leaves_nothing(how):
    before = programs()
    process = subprocess.Popen(command("--repetitions", 50, "--seconds", 1, "--no-tuning",
                                       "--rungs", "tc-ingress,af-packet,af-xdp"),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert "tc-ingress" in process.stderr.readline(), "the first rung is through"
        wait_until(lambda: napi_threads(process.pid) and programs() > before, "the next one is at work", 20)
        offspring = children(process.pid)
    finally:
        process.send_signal(how)
        process.wait(20)
        process.stderr.close()
    assert process.returncode == -how
    wait_until(lambda: not napi_threads(process.pid), "its devices are gone", 20)
    wait_until(lambda: programs() == before, "its BPF programs are gone", 20)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in offspring), "its children are gone", 20)


def hidden(*tools):
    """A prefix that runs a command where these programs cannot be executed."""
    there = [shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for tool in tools]
    script = "".join(f"mount --bind /dev/null {path} && " for path in there if path)
    return ["unshare", "-m", "sh", "-c", script + 'exec "$@"', "sh"]


def test_without_nftables_and_gnuplot(tmp_path):
    done = run("--quick", "--json", "--no-rate", "--no-tuning", "--rungs", "xdp-native,prerouting", "--out", tmp_path,
               prefix=hidden("nft", "gnuplot"))
    assert done.returncode == 0, done.stderr
    native, prerouting = json.loads(done.stdout)["rungs"]
    assert native["available"] and native["trials"][0]["at_rate"] is None
    assert not prerouting["available"] and prerouting["flood"] is None
    assert "the Debian package nftables" in prerouting["unavailable_because"]
    assert "gnuplot-nox" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rx-path.json", "rx-path.md"]
    assert "svg" not in (tmp_path / "rx-path.md").read_text()


@pytest.mark.parametrize("words, status, sentence", [
    (["--rungs", "postrouting"], 2, "there is no rung 'postrouting'"),
    (["--no-rate", "--rungs", "af-xdp/coalesced"], 2, "shows at a fixed rate only"),
    (["--size", "60"], 2, "60"),
    (["--size", "9000"], 2, "1518"),
    (["--flows", "70000"], 2, "70000"),
    (["--seconds", "0.01"], 2, "0.1"),
    (["--repetitions", "0"], 2, "1"),
    (["--rate", "fast"], 2, "fast"),
    (["--rate", "10Gbit/s"], 2, "frames per second"),
    (["--receive-cpu", "4096"], 1, "there is no CPU 4096"),
    (["--receive-cpu", "0", "--generate-cpu", "0"], 1, "CPU 0 would both generate and receive"),
])
def test_bad_input(words, status, sentence):
    done = run(*words)
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith("starocean: ") and done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_one_cpu():
    done = run("--quick", prefix=["taskset", "-c", "0"])
    assert done.returncode == 1
    assert "there is one CPU" in done.stderr and done.stderr.count("\n") == 1


def test_no_privileges():
    done = run("--quick", prefix=["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps", "-all"])
    assert done.returncode == 1
    assert "run as root" in done.stderr and done.stderr.count("\n") == 1
