"""`show memory` against what the kernel says in /proc/PID/smaps."""

import re

import pytest

from starocean_lab import LabError, machine, wait_until

_HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$")


def smaps(pid):
    """{(start, end): {'permissions', 'backing', 'Size', 'KernelPageSize', 'Rss', …}}, sizes in bytes."""
    found, current = {}, None
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            head = _HEAD.match(line)
            if head:
                current = {"permissions": head[3], "backing": head[4]}
                found[(int(head[1], 16), int(head[2], 16))] = current
            elif " kB" in line:
                key, value = line.split(":")
                current[key] = int(value.split()[0]) * 1024
    return found


def resident(kernel):
    """What the kernel says is in memory; its Rss leaves huge pages out."""
    return kernel["Rss"] + kernel["Private_Hugetlb"] + kernel["Shared_Hugetlb"]


def compare(daemon):
    """One reading of `show memory`, and what is wrong with it, compared with smaps of a moment later."""
    reading = daemon.show("memory")
    shown = {(int(m["start"], 16), int(m["end"], 16)): m for m in reading["mappings"]}
    real = smaps(daemon.process.pid)
    wrong = [f"{start:x}-{end:x} is only in smaps" for start, end in real.keys() - shown.keys()]
    wrong += [f"{start:x}-{end:x} is only shown" for start, end in shown.keys() - real.keys()]
    wrong += [f"no explanation: {m}" for m in shown.values() if not m["name"] or m["kind"] == "other"]
    for key in shown.keys() & real.keys():
        mapping, kernel = shown[key], real[key]
        for name, expected in (("size_bytes", kernel["Size"]), ("permissions", kernel["permissions"]),
                               ("page_size_bytes", kernel["KernelPageSize"]),
                               ("resident_bytes", resident(kernel)), ("locked_bytes", kernel["Locked"])):
            if mapping[name] != expected:
                wrong.append(f"{mapping['name']}: {name} {mapping[name]}, smaps {expected}")
    return reading, wrong


def reading_that_agrees(daemon):
    """`show memory`, once it says the same as smaps and explains everything. Between the two readings the
    process works on, so it may take several tries; it has to agree within 60 s also on a busy machine."""
    last = []

    def agrees():
        last[:] = compare(daemon)
        return not last[1]
    try:
        wait_until(agrees, "show memory agrees with smaps", 60)
    except LabError as error:
        raise AssertionError("\n".join([str(error), *last[1]])) from error
    return last[0]


def umem_of(memory):
    """The mappings of kind 'umem' of a reading in which all that a switch has is there."""
    mappings = memory["mappings"]
    kinds = {m["kind"] for m in mappings}
    assert {"umem", "ring", "code", "data", "heap", "stack", "library"} <= kinds
    umem = [m for m in mappings if m["kind"] == "umem"]
    assert sum(m["size_bytes"] for m in umem) >= memory["frames"]["total"] * 2048
    rings = [m for m in mappings if m["kind"] == "ring"]
    assert any("lan1" in m["name"] for m in rings) and any("lan2" in m["name"] for m in rings)
    return umem


@pytest.mark.parametrize("wanted", ["auto", "2M"])
def test_with_huge_pages(lab, wanted):
    if lab.huge_pages(96) < 96:
        pytest.skip("Linux found no room for 96 huge pages of 2 MiB; memory is short or fragmented")
    free = machine.huge_pages()["free"]
    daemon, (a, b) = lab.switched(2, memory={"frames": 16384, "hugepages": wanted})
    a.ping(b.ipv4)
    memory = reading_that_agrees(daemon)
    umem = umem_of(memory)
    assert memory["hugepages"] == "2M"
    assert all(m["page_size_bytes"] == 2 << 20 for m in umem)
    taken = free - machine.huge_pages()["free"] + machine.huge_pages()["rsvd"]
    assert taken * (2 << 20) >= 16384 * 2048


def test_without_huge_pages(lab):
    """None free: ordinary pages are used, and why is said aloud with the remedy."""
    lab.huge_pages(0)
    daemon, (a, b) = lab.switched(2, memory={"frames": 16384, "hugepages": "auto"})
    a.ping(b.ipv4)
    memory = reading_that_agrees(daemon)
    umem = umem_of(memory)
    assert memory["hugepages"] == "none"
    assert "nr_hugepages" in memory["note"] or "huge pages" in memory["note"]
    assert all(m["page_size_bytes"] == 4096 for m in umem)
    assert "huge" in daemon.log()


def test_huge_pages_refused_by_configuration(lab):
    """And a MAC table so large that it asks for transparent huge pages: a mapping of its own, explained."""
    lab.huge_pages(96)
    daemon, _ = lab.switched(2, memory={"hugepages": "none"}, bridge={"mac_limit": 200_000})
    memory = reading_that_agrees(daemon)
    umem_of(memory)
    assert memory["hugepages"] == "none" and memory["note"] == ""
    table = [m for m in memory["mappings"] if "MAC table of bridge lan" in m["name"]]  # Linux joins neighbours
    assert len(table) == 1 and table[0]["size_bytes"] >= 200_000 * 16


def test_orderly_end_gives_huge_pages_back(lab):
    if lab.huge_pages(96) < 96:
        pytest.skip("Linux found no room for 96 huge pages of 2 MiB; memory is short or fragmented")
    free = machine.huge_pages()["free"]
    daemon, _ = lab.switched(2)
    assert machine.huge_pages()["free"] < free
    assert daemon.stop() == 0
    wait_until(lambda: machine.huge_pages()["free"] == free, "huge pages are free again", 5)
