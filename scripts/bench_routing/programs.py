"""What the benchmark programs measure: the L3 stage alone, and the look-up beside DPDK's."""

import json
import os
import statistics
import tempfile

from starocean_lab import LabError, run
from starocean_lab.daemon import ROOT

FORWARDER_CPU = max(os.sched_getaffinity(0))


def _google_benchmark(program, *arguments, timeout_s=1800):
    """Runs one pinned, and returns the iterations it reports; a benchmark that skips itself is an error."""
    path = next((ROOT / "build/release").rglob(program), None)
    if path is None:
        raise LabError(f"build/release has no {program}; build it: cmake --build build/release --target benchmarks")
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        run("taskset", "-c", FORWARDER_CPU, path, f"--benchmark_out={out.name}", "--benchmark_out_format=json",
            *arguments, timeout_s=timeout_s)
        report = json.loads(out.read() or b"{}")
    return [one for one in report.get("benchmarks", []) if one["run_type"] == "iteration"]


def l3_stage(quick):
    """Nanoseconds per packet of each repetition, by family."""
    routes = {"ipv4": 1000, "ipv6": 1000} if quick else {"ipv4": 1_000_000, "ipv6": 250_000}
    found = {}
    for family, count in routes.items():
        runs = _google_benchmark("router_bench", f"--benchmark_filter=^{family}/{count}/", "--benchmark_repetitions=5",
                                 f"--benchmark_min_time={0.05 if quick else 0.5}")
        values = [1e9 / one["items_per_second"] for one in runs if not one.get("error_occurred")]
        if len(values) != 5:
            raise LabError(f"router_bench made {len(values)} of 5 repetitions of {family}/{count}")
        found[family] = {"routes": count, "cpu": FORWARDER_CPU, "ns_per_packet": statistics.median(values),
                         "repetitions": values}
    return found


def look_up(quick):
    """{"rte_lpm" | "rte_fib" | "rte_fib6": its fastest function beside ours}, with all of its functions.

    A ratio is DPDK's time by ours of the same round; rounds take turns within one process (fib_bench.cc)."""
    chosen = "rte_lpm/lookup_bulk|rte_fib_4/avx512_4B|rte_fib_6/avx512" if quick else "rte_"
    runs = _google_benchmark("fib_bench", f"--benchmark_filter={chosen}")
    names = {"ipv4/rte_lpm": "rte_lpm", "rte_fib_4": "rte_fib", "rte_fib_6": "rte_fib6"}
    found = {name: {"functions": {}, "left_out": {}} for name in names.values()}
    for one in runs:
        peer = next((name for prefix, name in names.items() if one["name"].startswith(prefix)), None)
        if peer is None:
            continue
        name = one["name"].removesuffix("/iterations:101")
        if one.get("error_occurred"):
            found[peer]["left_out"][name] = one["error_message"]
        else:
            found[peer]["functions"][name] = {key: one[key] for key in (
                "ratio", "ratio_p10", "ratio_p90", "ours_ns", "other_ns", "ours_best_ns", "other_best_ns")}
    for peer, result in found.items():
        if result["functions"]:
            name = min(result["functions"], key=lambda name, all_=result["functions"]: all_[name]["ratio"])
            result["fastest"] = {"function": name, **result["functions"][name]}
        else:
            result["not_measured"] = "; ".join(sorted(set(result["left_out"].values()))) or "fib_bench was built without DPDK"
    return found
