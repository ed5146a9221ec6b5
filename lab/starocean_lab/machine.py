"""What this machine can do. A lab that cannot run is skipped with the reason, aloud."""

import os
import platform
import shutil

_HUGE_2M = "/proc/sys/vm/nr_hugepages"

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


def huge_page_path():
    """Where the number of reserved huge pages is read and written."""
    return _HUGE_2M


def reserve_huge_pages(count):
    """Asks for `count` huge pages; returns how many Linux found room for."""
    with open(_HUGE_2M, "w", encoding="ascii") as file:
        file.write(str(count))
    with open(_HUGE_2M, encoding="ascii") as file:
        return int(file.read())


def cpus():
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))
