"""`starocean doctor` on real namespaces: each fault planted is named with a remedy, the remedy is pasted into a
shell, and afterwards doctor no longer reports it."""

import ctypes
import json
import os
import shutil

import pytest

from starocean_lab import machine, run
from starocean_lab.daemon import binary
from starocean_lab.doctor import BAD, NOBODY, doctor, mend, space_of_two, written
from starocean_lab.lab import bridge_config


@pytest.fixture(name="switch")
def _switch(lab):
    return space_of_two(lab)


# ---- what is planted is named, and the remedy works ----

def test_unfinished_checksums(lab, switch):
    """The other end is in another namespace, which the remedy names."""
    finding = mend(switch, ("tx-checksum", "lan1"), "lan1")
    host = lab.hosts_of_switch[0]
    assert finding["remedy"] == f"ip netns exec {host} ethtool -K eth0 tx off"
    assert not finding["safe"], "another namespace is not for --fix"


def test_unfinished_checksums_seen_from_the_host(lab, switch):
    """Run on the host, doctor speaks of the host's own card."""
    host = lab.hosts_of_switch[0]
    finding = mend(host.namespace, ("tx-checksum", "eth0"), "eth0")
    assert finding["remedy"] == "ethtool -K eth0 tx off"
    assert doctor(switch, "lan1")["tx-checksum", "lan1"]["verdict"] == "ok"


def test_vlan_tags_beside_the_packet(lab, switch):
    lab.hosts_of_switch[0].namespace.run("ethtool", "-K", "eth0", "txvlan", "on")
    mend(switch, ("tx-vlan", "lan1"), "lan1", verdicts=("note", *BAD))


def test_merged_packets_in_generic_mode(lab, switch):
    """GRO here and TSO there make packets that a generic program cannot take."""
    switch.run("ethtool", "-K", "lan1", "gro", "on")
    config = bridge_config(2)
    config["interfaces"]["lan1"] = {"attach": "generic"}
    path = written(lab, config)
    mend(switch, ("gro", "lan1"), "--config", path)
    mend(switch, ("tx-segmentation", "lan1"), "--config", path)
    report = doctor(switch, "--config", path)
    assert report["gro", "lan2"]["verdict"] == "ok"
    assert report["tx-segmentation", "lan2"]["verdict"] == "note", "native mode copes"


@pytest.mark.parametrize("wanted, verdict", [("auto", "warning"), ("2M", "fault")])
def test_no_huge_pages(lab, switch, wanted, verdict):
    lab.huge_pages(0)
    if machine.huge_pages()["total"]:
        pytest.skip("somebody uses huge pages at this moment, so that none can be planted")
    path = written(lab, bridge_config(2, memory={"frames": 16384, "hugepages": wanted}))
    finding = mend(switch, ("huge-pages", ""), "--config", path)
    assert finding["verdict"] == verdict and finding["safe"]


def test_other_end_takes_no_redirected_packets(lab, switch):
    """GRO or a program at the other end is what a veth needs for them."""
    finding = mend(switch, ("redirect", "lan1"), "lan1", verdicts=("note", *BAD))
    assert finding["remedy"] == f"ip netns exec {lab.hosts_of_switch[0]} ethtool -K eth0 gro on"


def test_low_limit_of_locked_memory(lab, switch):
    """A user with all capabilities but CAP_IPC_LOCK; the remedy gives it to the program's file."""
    os.chmod(lab.directory, 0o755)
    program = os.path.join(lab.directory, "starocean")
    shutil.copy(binary(), program)
    caps = "+net_admin,+net_raw,+bpf,+perfmon"
    prefix = (*NOBODY, "--inh-caps", caps, "--ambient-caps", caps, "prlimit", "--memlock=65536:65536")
    finding = mend(switch, ("locked-memory", ""), "lan1", prefix=prefix, program=program)
    assert finding["verdict"] == "fault" and finding["remedy"].startswith("setcap ")


def test_low_limit_of_locked_memory_that_only_the_limit_mends(lab, switch):
    """Root in a container without CAP_IPC_LOCK and CAP_SYS_RESOURCE: the limit of the shell has to rise."""
    script = (f"{binary()} doctor --json lan1 > $0/before; echo; read done;"
              f"{binary()} doctor --json lan1 > $0/after; echo; true")
    bounded = ("setpriv", "--bounding-set", "-ipc_lock,-sys_resource", "--inh-caps", "-ipc_lock,-sys_resource")
    shell = switch.popen(*bounded, "prlimit", "--memlock=65536:65536", "sh", "-c", script, lab.directory,
                         stdin=-1, stdout=-1, text=True)

    def read(name):
        shell.stdout.readline()
        with open(os.path.join(lab.directory, name), encoding="utf-8") as file:
            return {f["id"]: f for f in json.load(file)["findings"]}
    try:
        before = read("before")["locked-memory"]
        assert before["verdict"] == "fault", before
        assert before["remedy"] == f"prlimit --pid {shell.pid} --memlock=unlimited:unlimited"
        pasted = run("sh", "-c", before["remedy"], check=False)
        shell.stdin.write("\n")
        shell.stdin.flush()
        if pasted.returncode == 0:
            assert read("after")["locked-memory"]["verdict"] == "ok"
        else:
            pytest.skip(f"this machine lets nobody raise a limit: {pasted.stderr.strip()}")
    finally:
        shell.kill()
        shell.wait()


def test_missing_capabilities(lab, switch):
    os.chmod(lab.directory, 0o755)
    program = os.path.join(lab.directory, "starocean")
    shutil.copy(binary(), program)
    mend(switch, ("capabilities", ""), "lan1", prefix=NOBODY, program=program)
    report = doctor(switch, "lan1", trial="auto", prefix=NOBODY, program=program)
    assert report["trial", "lan1"]["verdict"] == "ok"


@pytest.mark.parametrize("mode", ["xdp", "xdpgeneric"])
def test_foreign_program(lab, switch, foreign_object, mode):
    lab.huge_pages(0)  # which --fix may change
    switch.ip("link", "set", "dev", "lan2", mode, "object", foreign_object, "section", "xdp")
    program = switch.links()["lan2"]["xdp"]["prog"]["id"]
    report = doctor(switch, "--fix", trial="auto")
    assert report["xdp-program", "lan2"]["verdict"] == "fault"
    assert f"'foreign' (id {program})" in report["xdp-program", "lan2"]["text"]
    assert "left alone" in report["trial", "lan2"]["text"]
    assert switch.links()["lan2"]["xdp"]["prog"]["id"] == program, "--fix never detaches"
    assert report["trial", "lan1"]["verdict"] == "ok"
    finding = mend(switch, ("xdp-program", "lan2"), "lan2")
    assert finding["remedy"] == f"ip link set dev lan2 {mode} off"


def test_foreign_program_of_a_link(switch, foreign_object):
    """Attached by a bpf_link, which `ip link set … xdp off` cannot detach."""
    libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    switch.ip("link", "set", "dev", "lan2", "xdp", "object", foreign_object, "section", "xdp")
    links = switch.links()["lan2"]
    program = libbpf.bpf_prog_get_fd_by_id(links["xdp"]["prog"]["id"])
    switch.ip("link", "set", "dev", "lan2", "xdp", "off")
    kind_xdp = 37  # enum bpf_attach_type, BPF_XDP
    with switch.entered():
        link = libbpf.bpf_link_create(program, links["ifindex"], kind_xdp, None)
    try:
        assert link >= 0, os.strerror(ctypes.get_errno())
        finding = mend(switch, ("xdp-program", "lan2"), "lan2")
        assert finding["remedy"].startswith("bpftool link detach id ")
    finally:
        for descriptor in (link, program):
            if descriptor >= 0:
                os.close(descriptor)


CONFIG = """\
version: 1
workers: {cpus: [0]}
memory: {frames: 16384}
interfaces:
  lan1: {}
  lan2: {queues: 3}
bridges:
  lan: {interfaces: [lan1, lan2]}
"""


@pytest.mark.parametrize("config", [CONFIG, CONFIG.replace("{queues: 3}", "\n    queues: 3   # three")],
                         ids=["flow", "block"])
def test_more_queues_than_there_are(lab, switch, config):
    """veth cannot have more than it was made with: the remedy is for the file."""
    path = written(lab, config)
    finding = mend(switch, ("queues", "lan2"), "--config", path)
    assert finding["verdict"] == "fault" and path in finding["text"]
    assert run(binary(), "config", "check", path).returncode == 0


def test_fewer_queues_than_there_are(lab):
    space = lab.switch()
    lab.host(1, space, queues=2, ipv6=False)
    path = written(lab, "version: 1\ninterfaces: {lan1: {queues: 1}}\n")
    finding = mend(space, ("queues", "lan1"), "--config", path)
    assert finding["verdict"] == "warning" and not finding["safe"]


def test_worker_on_a_cpu_that_does_not_exist(lab, switch):
    path = written(lab, CONFIG.replace("cpus: [0]", "cpus: [1023]"))
    assert mend(switch, ("worker-cpus", ""), "--config", path)["verdict"] == "fault"


def test_too_few_frames(lab, switch):
    path = written(lab, CONFIG.replace("16384", "4096"))
    assert mend(switch, ("frames", ""), "--config", path)["verdict"] == "fault"


def test_mtu_above_what_the_mode_carries(lab, switch):
    """The daemon refuses to start; with the remedy it starts."""
    for space, device in ((switch, "lan2"), (lab.hosts_of_switch[1].namespace, "eth0")):
        space.ip("link", "set", device, "mtu", 9000)
    config = bridge_config(2)
    config["interfaces"]["lan2"] = {"attach": "generic"}
    finding = mend(switch, ("mtu", "lan2"), "--config", written(lab, config))
    assert finding["verdict"] == "fault" and not finding["safe"]
    assert doctor(switch, "lan2")["peer-mtu", "lan2"]["verdict"] == "ok", "both ends were set"
    mend(switch, ("bridge-mtu", "lan2"), "--config", written(lab, config))
    lab.starocean(switch, config)


def test_mtu_of_the_other_end(lab, switch):
    """Because of the other end's MTU the driver takes only a program for packets of several frames."""
    def several_frames(name):
        daemon = lab.starocean(switch, bridge_config(2), name=name)
        used = daemon.interface("lan1")["multi_buffer"]
        assert daemon.stop() == 0
        return used
    lab.hosts_of_switch[0].namespace.ip("link", "set", "eth0", "mtu", 9000)
    assert several_frames("before")
    assert mend(switch, ("peer-mtu", "lan1"), "lan1")["verdict"] == "warning"
    assert not several_frames("after")


def test_interface_that_is_down(lab, switch):
    switch.link_down("lan1")
    assert mend(switch, ("link", "lan1"), "lan1")["verdict"] == "warning"
    switch.link_down("lan1")
    finding = mend(switch, ("link", "lan1"), "--config", written(lab, bridge_config(2)))
    assert finding["verdict"] == "fault"


def test_interface_of_a_linux_bridge(switch):
    switch.ip("link", "add", "br0", "type", "bridge")
    switch.ip("link", "set", "lan1", "master", "br0")
    mend(switch, ("master", "lan1"), "lan1")


def test_device_with_an_odd_name(lab, switch):
    """What Linux allows as a name is no command when it is pasted."""
    name = "a;touch${IFS}x"
    switch.ip("link", "add", name, "type", "veth", "peer", "name", "odd1")
    mend(switch, ("link", name), name)
    assert not os.path.exists("x")
