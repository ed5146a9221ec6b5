"""scripts/bench-routing measures what it says: whole tables, every change followed. How fast is not judged here."""

import json
import subprocess

import pytest

from starocean_lab import LabError, machine
from starocean_lab.daemon import ROOT

SCRIPT = ROOT / "scripts/bench-routing"


def _run(*arguments):
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_a_quick_run_has_every_route_and_every_change(tmp_path):
    done = _run("--quick", "--repetitions", "1", "--only", "table", "lag", "change", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "routing.json").read_text())
    assert report["schema_version"] == 1 and report["quick"]
    table, (lag,), (change,) = (report["parts"][part] for part in ("table", "lag", "change"))
    assert table["routes"] == lag["routes"] == 20_000
    assert len(table["live_s"]) == 1 and 0 < table["live_s"][0] < table["answers_s"][0]
    assert table["memory_bytes"][0] > 20_000
    assert change["changes"] == 60 and lag["changes"] >= 1
    for one in (lag, change):
        assert one["frames"] > one["changes"]
        assert 0 < one["lag_p50_s"] <= one["lag_p99_s"] <= one["lag_max_s"]
    text = (tmp_path / "routing.md").read_text()
    assert "Made with `--quick`" in text
    assert text.count("≤ 5 ms (aim 1)") == 3 and text.count("≤ 10 s (aim 5)") == 1
    # Another kind of run does not go into the same file.
    mixed = _run("--only", "change", "--out", tmp_path)
    assert mixed.returncode == 1 and "--quick; give another --out" in mixed.stderr


def test_one_and_two_workers_are_both_measured(tmp_path):
    if machine.cpus() < 2:
        pytest.skip("two workers on CPUs of their own need two CPUs; this machine has one")
    done = _run("--quick", "--repetitions", "1", "--only", "workers", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    part = json.loads((tmp_path / "routing.json").read_text())["parts"]["workers"]
    assert all(len(runs) == 1 and runs[0]["flooded_pps"] > 0 for runs in part["workers"].values())
    assert set(part["workers"]) == {"1", "2"}
    assert (tmp_path / "routing.md").read_text().count("two queues and two workers to one and one") == 2


def test_wrong_usage():
    assert _run("--repetitions", "0").returncode == 2
    assert _run("--only", "nothing").returncode == 2


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from bench_routing import render, scene  # pylint: disable=import-outside-toplevel
    return render, scene


def test_a_figure_that_misses_its_bar_is_shown_as_such(modules):
    render, _ = modules
    assert render.Row("", [61, 59, 62], " ns", 60, 40).verdict() == "**misses the bar**"
    assert render.Row("", [61, 59, 41], " ns", 60, 40).verdict() == "bar"
    assert render.Row("", [40], " ns", 60, 40).verdict() == "aim"
    assert render.Row("", [0.99], "×", 1.0, 1.2, less=False).verdict() == "**misses the bar**"
    assert render.Row("", [1.2], "×", 1.0, 1.2, less=False).verdict() == "aim"
    assert "| 50 ns | 40 … 62 | ≤ 60 ns (aim 40) | bar |" in render.Row("x", [62, 40, 50], " ns", 60, 40, shown=0).text()


def test_the_check_of_routes_can_fail(modules):
    _, scene = modules
    routes = scene.prefixes(1000)
    assert len(set(routes)) == 1000 and all(address & ((1 << (32 - length)) - 1) == 0 for address, length in routes)

    class NoRoutes:  # pylint: disable=too-few-public-methods
        """A daemon that knows none."""

        def show(self, *_):
            return {"prefix": None, "interface": None}
    with pytest.raises(LabError, match="must go by"):
        scene.check_routes(NoRoutes(), routes)
