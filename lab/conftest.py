"""Fixtures of all labs. After every lab each daemon that still runs must account for every packet and
every frame, end with status 0 when told to, and leave no XDP program behind."""

import pytest

from starocean_lab import Lab, frr, machine, run, traffic, wait_until
from starocean_lab.wan_scene import Scene

# A step of its own: `make test-vm`.
collect_ignore = ["vm"]
_TOOLS = machine.TOOLS + ("clang-14", "setpriv")

FOREIGN = """
/* An XDP program that is not ours: passes everything. */
__attribute__((section("xdp"), used)) int foreign(void* context) { return 2; }
char foreign_license[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the daemons' logs to the report of a lab that failed."""
    report = (yield).get_result()
    if call.when == "call":
        item.lab_failed = report.failed
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab is not None:
        for daemon in lab.daemons:
            report.sections.append((f"log of {daemon.name}", daemon.log_tail(40)))


def settle(daemon):
    """What must be true of a daemon when its lab is over."""
    daemon.assert_conserved()
    late = {worker["id"]: worker["counters"]["lost_wakeups"] for worker in daemon.show("workers")["workers"]}
    assert not any(late.values()), f"workers slept on over work, times by worker: {late}"
    devices = [interface["device"] for interface in daemon.show("interfaces")["interfaces"]]
    status = daemon.stop()
    assert status == 0, f"starocean ended with status {status} after SIGTERM:\n{daemon.log_tail()}"
    for device in devices:
        wait_until(lambda d=device: not daemon.namespace.has_xdp(d), f"{device} has no XDP program", 5)


@pytest.fixture
def lab(request):
    """An empty lab, removed afterwards."""
    reason = machine.missing(_TOOLS)
    if reason:
        pytest.skip(reason)
    with Lab() as made:
        yield made
        if not getattr(request.node, "lab_failed", False):
            for daemon in made.daemons:
                if daemon.running():
                    settle(daemon)


@pytest.fixture(name="run_frr")
def _run_frr(lab):
    """run_frr({namespace: {"ospfd": text, …}, …}) starts FRR in each, all at once; ended before the lab is."""
    reason = frr.missing()
    if reason:
        pytest.skip(reason)
    made = []

    def start(configs):
        def one(space, texts):
            made.append(frr.Frr(space, lab.directory, texts))
            return made[-1]
        return traffic.in_parallel([lambda s=space, t=texts: one(s, t) for space, texts in configs.items()])
    yield start
    if made:
        traffic.in_parallel([one.stop for one in made])


@pytest.fixture(scope="session")
def foreign_object(tmp_path_factory):
    """Somebody else's XDP program, compiled."""
    directory = tmp_path_factory.mktemp("foreign")
    source, target = directory / "foreign.c", directory / "foreign.o"
    source.write_text(FOREIGN)
    run("clang-14", "-O2", "-g", "-target", "bpf", "-c", source, "-o", target)
    return target


@pytest.fixture
def scene(lab, request):
    """Two hosts, and emulated links between them; what was under way has arrived in the end."""
    made = Scene(lab)
    yield made
    for wan in made.wans:
        if wan.running() and not getattr(request.node, "lab_failed", False):
            wan.settle()
        wan.kill()
