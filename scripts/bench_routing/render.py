"""docs/benchmarks/routing.md from routing.json: one table with the bars."""

import importlib.machinery
import importlib.util
import os
import pathlib
import platform
import statistics

COMMAND = "make bench"  # or, this alone: scripts/run-benchmarks routing


def _micro():
    """scripts/render-benchmarks, which describes the machine for micro.md."""
    path = str(pathlib.Path(__file__).resolve().parents[1] / "render-benchmarks")
    loader = importlib.machinery.SourceFileLoader("render_benchmarks", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("render_benchmarks", loader))
    loader.exec_module(module)
    return module


def describe_machine():
    cpus = sorted(os.sched_getaffinity(0))
    return {"cpu": _micro().cpu_model(), "cpus": len(cpus), "kernel": platform.release().split("-")[0],
            "forwarder_cpu": cpus[-1], "generator_cpu": cpus[0], "command": COMMAND}


class Row:
    """One figure with what is asked of it. `less` says whether less is better."""

    def __init__(self, what, values, unit, bar, aim, less=True, note="", shown=2):  # pylint: disable=too-many-arguments
        self.what, self.values, self.unit, self.bar, self.aim = what, values, unit, bar, aim
        self.less, self.note, self.shown = less, note, shown

    def verdict(self):
        value = statistics.median(self.values)
        if self.bar is None:
            return ""
        reaches = (lambda limit: value <= limit) if self.less else (lambda limit: value >= limit)
        if not reaches(self.bar):
            return "**misses the bar**"
        return "aim" if self.aim is not None and reaches(self.aim) else "bar"

    def text(self):
        def number(value):
            return f"{value:.{self.shown}f}"
        aim = "" if self.aim is None else f" (aim {self.aim:g})"
        limit = "" if self.bar is None else f"{'≤' if self.less else '≥'} {self.bar:g}{self.unit}{aim}"
        spread = f"{number(min(self.values))} … {number(max(self.values))}" if len(self.values) > 1 else ""
        return (f"| {self.what} | {number(statistics.median(self.values))}{self.unit} | {spread} | {limit} | {self.verdict()} "
                f"| {self.note} |")


def _stage(part):
    for family, bar, aim in (("ipv4", 60, 40), ("ipv6", None, None)):
        one = part[family]
        name = {"ipv4": "IPv4", "ipv6": "IPv6"}[family]
        yield Row(f"L3 stage alone, {one['routes']:,} {name} routes, random destinations, per packet", one["repetitions"],
                  " ns", bar, aim, note=f"`router_bench` on CPU {one['cpu']}", shown=1)


def _lookup(part):
    names = {"rte_lpm": "IPv4 look-up: `rte_lpm`'s time by ours", "rte_fib": "IPv4 look-up: `rte_fib`'s time by ours",
             "rte_fib6": "IPv6 look-up: `rte_fib6`'s time by ours"}
    for peer, what in names.items():
        one = part[peer].get("fastest")
        if one is None:
            yield f"| {what} | not measured | | ≥ 1× (aim 1.2) | | {part[peer]['not_measured']} |"
            continue
        row = Row(what, [one["ratio"]], "×", 1.0, 1.2, less=False)
        yield (f"| {what} | {one['ratio']:.2f}× | {one['ratio_p10']:.2f} … {one['ratio_p90']:.2f} | ≥ 1× (aim 1.2) | "
               f"{row.verdict()} | of {len(part[peer]['functions'])} functions the one that does best against ours, "
               f"`{one['function']}`; {one['ours_ns']:.1f} and {one['other_ns']:.1f} ns |")


def _table(part):
    routes = f"{part['routes']:,} routes in Linux"
    yield Row(f"{routes}: start of `starocean run` to live", part["live_s"], " s", 10, 5,
              note=f"`show` answers after {statistics.median(part['answers_s']):.2f} s")
    yield Row(f"{routes}: our memory for them", [one / 1e6 for one in part["memory_bytes"]], " MB", 150, None, shown=1,
              note=f"`show memory`, all that is resident, less {part['without_routes_bytes'] / 1e6:.1f} MB without them")


def _lag(runs):
    what = f"lag behind Linux while {runs[0]['routes']:,} routes are being added"
    note = (f"`ip -batch`, {statistics.median(one['adding_s'] for one in runs):.1f} s; "
            f"{sum(one['changes'] for one in runs)} routes followed")
    yield Row(f"{what}, longest", [one["lag_max_s"] for one in runs], " s", 1, 0.2, shown=3, note=note)
    yield Row(f"{what}, p99", [one["lag_p99_s"] for one in runs], " s", 1, 0.2, shown=3)


def _change(runs):
    what = f"a single route change visible in forwarding, {sum(one['changes'] for one in runs)} changes"
    distance = statistics.median(one["frame_distance_p50_s"] for one in runs)
    for key, name in (("lag_max_s", "longest"), ("lag_p99_s", "p99"), ("lag_p50_s", "median")):
        yield Row(f"{what}, {name}", [one[key] * 1e3 for one in runs], " ms", 5, 1,
                  note=f"a frame every {distance * 1e3:.2f} ms" if key == "lag_max_s" else "")


def _added(runs, key):
    """What a bulk flow adds, of each repetition; against the same queue's flow alone."""
    return {load: [(one[key] - alone[key]) * 1e3 for one, alone in zip(runs[load], runs["alone"])]
            for load in runs if load != "alone"}


def _sparse(part):
    for queue, runs in part["queues"].items():
        for key, name in (("delay_p99_s", "p99"), ("delay_p50_s", "median")):
            for load in ("saturating", "below"):
                judged = (queue, load, name) == ("fq_codel", "saturating", "p99")
                bulk = {"saturating": "that fills it", "below": "below its rate"}[load]
                alone = statistics.median(one[key] for one in runs["alone"]) * 1e3
                lost = sum(one["sparse_sent"] - one["sparse_arrived"] for one in runs[load])
                reached = statistics.median(one["link_bit_per_s"] for one in runs[load]) / 1e6
                yield Row(f"`{queue}` at {part['rate'][:-1]} Mbit/s: added delay of a sparse flow beside a bulk flow {bulk}, {name}",
                          _added(runs, key)[load], " ms", 5 if judged else None, 2 if judged else None,
                          note=f"alone {alone:.3f} ms; bulk offered {part['bulk'][load][:-1]} Mbit/s, on the link {reached:.0f} Mbit/s; "
                               f"{lost} of {sum(one['sparse_sent'] for one in runs[load])} sparse packets lost")


def _idle(part):
    for poll, runs in part["polls"].items():
        for key, name in (("p50", "median"), ("p99", "p99")):
            yield Row(f"from idle to the first packet, `poll: {poll}`, delay through the switch, {name}",
                      [one[key] * 1e6 for one in runs], " µs", None, None, shown=0,
                      note=f"a frame every {1000 / part['pps']:.0f} ms, {part['packets']} in each run" if key == "p50" else "")


def _workers(part):
    one, two = part["workers"]["1"], part["workers"]["2"]
    for key, name in (("at_loss_pps", f"at {100 * part['loss']:g} % loss"), ("flooded_pps", "flooded")):
        yield Row(f"two queues and two workers to one and one, switch, 64 bytes, {part['flows']} flows, {name}",
                  [b[key] / a[key] for a, b in zip(one, two) if a[key]] or [0.0], "×", None, None,
                  note=f"{statistics.median(run[key] for run in one) / 1e6:.2f} and "
                       f"{statistics.median(run[key] for run in two) / 1e6:.2f} Mpps")


_PARTS = {"stage": _stage, "lookup": _lookup, "table": _table, "lag": _lag, "change": _change, "sparse": _sparse, "idle": _idle,
          "workers": _workers}


def markdown(report):
    machine = report["machine"]
    lines = ["# Routing", "",
             f"Made by `{machine['command']}` (this page alone: `scripts/run-benchmarks routing`) on {machine['cpus']} × "
             f"{machine['cpu']}, a virtual machine, Linux {machine['kernel']}."]
    if report["quick"]:
        lines += ["", "**Made with `--quick`: shows that the measurement works, and says nothing about speed.**"]
    lines += ["", "| what | median | min … max | bar | reached | |", "|---|---:|---:|---|---|---|"]
    for name, rows_of in _PARTS.items():
        if name in report["parts"]:
            lines += [row if isinstance(row, str) else row.text() for row in rows_of(report["parts"][name])]
    return "\n".join(lines + ["", *_how(report, machine)]) + "\n"


def _how(report, machine):
    here, there = machine["forwarder_cpu"], machine["generator_cpu"]
    return [
        f"Each is the median of {report['repetitions']} runs, of the L3 stage of 5. Look-ups: the median of 101 rounds in which",
        "ours and DPDK's take turns in one process, and the lowest and highest tenth of them instead of the extremes; above 1",
        "ours is faster. `_2B` has next hops of 2 bytes, half of what ours and `_4B` have. All functions",
        "are in `routing.json`. Absolute figures hold for this machine only.", "",
        "How, end to end through the daemon, over veth in copy mode, the worker (`poll: adaptive`) on CPU "
        f"{here}, its other threads,",
        "Linux's `ip`, and the sender where Linux puts them:", "",
        "- **Start to live.** Routes have the lengths of a BGP table and 16 next hops. From the launch of the process until, of",
        "  the route added last and of 63 others, a frame sent then has come out at the right end. Linux itself does not forward.",
        "  Afterwards `show route` must have the right prefix for a hundred addresses.",
        "- **Lag, single change.** Frames to an address carry the time when they were sent and a station notes by which way they",
        "  come. The route is changed by one rtnetlink call. The lag counts from before that call until the time of sending of",
        "  the first frame that followed the new route, or of the last one that followed the old route if that was later: Linux's",
        "  own work is in it, and up to the distance of two frames too much; a frame is decided on when it reaches the worker,",
        "  its delay (of the sparse flow alone) after it was sent. Single changes are half new routes, half routes replaced,",
        "  on an idle daemon; while routes are added it is a new route every 10 ms, which queues behind those of `ip`.",
        f"- **Sparse flow.** `gen send`: 64 byte frames, 250 a second (AF_XDP), beside 1518 byte frames (live), both on CPU {there};",
        "  delays as `gen receive` has them, from when a frame was sent. Added is the difference to the same flow alone on the",
        "  idle link. The bulk generator keeps its CPU busy, and the frames of both enter the daemon by veth there: what a bulk",
        "  flow below the link's rate adds is that, not a queue. Less than nothing is added where the bulk flow keeps the worker",
        "  awake, which alone has to be woken for each packet. `fifo` (1024 packets) is for contrast.",
        "- **From idle to the first packet.** Nothing else goes through the switch; `adaptive` and `interrupt` sleep before each",
        "  frame, `busy` never does. Two veths and the generator's and checker's CPU are in all three.",
        f"- **Two workers.** Two streams of live frames between four stations. One worker has CPU {here}, and both streams are",
        f"  generated on CPU {there}; two workers have a CPU each, on which a stream is generated too, and a queue of each interface.",
        "  Frames are checked where the worker sends them, so on the worker's CPU: both CPUs have all the work there is, and",
        "  what two workers gain or lose is how evenly it lies. The rate at little loss is searched to a sixty-fourth.",
    ]
