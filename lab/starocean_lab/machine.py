"""What this machine can do. A lab that cannot run is skipped with the reason, aloud."""

import os
import pathlib
import platform
import shutil

_POOLS = pathlib.Path("/sys/kernel/mm/hugepages")  # a directory for each size
_POOL_2M = _POOLS / "hugepages-2048kB"

TOOLS = ("ip", "ethtool", "ping", "arping", "iperf3", "ss")


def missing(tools=TOOLS):
    """Why labs cannot run here, as a sentence; empty when they can."""
    if os.geteuid() != 0:
        return "labs make network namespaces and load XDP programs, which needs root"
    absent = [tool for tool in tools if not shutil.which(tool)]
    if absent:
        return f"not installed: {', '.join(absent)}; run scripts/bootstrap build demo test"
    if not os.path.exists("/proc/sys/net/core/bpf_jit_enable") and not os.path.exists("/sys/fs/bpf"):
        return f"kernel {platform.release()} has no BPF"
    return ""


def huge_pages():
    """{'total': …, 'free': …} of the default huge page size."""
    found = {}
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key in ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd"):
                found[key[len("HugePages_"):].lower()] = int(value.split()[0])
    return found


def huge_page_settings(count):
    """What to write where for `count` reserved huge pages of 2 MiB and none else: [(path, number)], the
    pools of other sizes and what the kernel may add on demand included."""
    settings = []
    for pool in sorted(_POOLS.glob("hugepages-*kB")):
        settings.append((str(pool / "nr_overcommit_hugepages"), 0))
        settings.append((str(pool / "nr_hugepages"), count if pool == _POOL_2M else 0))
    return settings


def free_huge_pages():
    """{size in KiB: pages that a program could still get}."""
    free = {}
    for pool in _POOLS.glob("hugepages-*kB"):
        read = {name: int((pool / name).read_text(encoding="ascii"))
                for name in ("free_hugepages", "resv_hugepages")}
        free[int(pool.name[len("hugepages-"):-2])] = read["free_hugepages"] - read["resv_hugepages"]
    return free


def cpus():
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))
