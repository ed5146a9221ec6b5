"""The delay that a sparse flow has beside a bulk flow that fills a link of 500 Mbit/s.

gen's bulk flow and its sparse flow share the first CPU, the forwarder has the last. The bulk generator is always busy, so
a run with the bulk flow below the link's rate shows what of the delay is the CPU's and not the queue's."""

import os
import subprocess
import time

from starocean_lab import Lab, LabError, gen, router, wait_until
from starocean_lab.daemon import binary

RATE = "500M"
BULK = {"alone": None, "below": "300M", "saturating": "700M"}  # offered, of frames with FCS
SPARSE_PPS = 250
FEWEST = 100  # packets that percentiles are taken of
BULK_STREAM, SPARSE_STREAM = 1, 2


def _scene(lab, queue):
    cpus = sorted(os.sched_getaffinity(0))
    daemon, space, stations = router.routed(lab, 3, start=False, config={
        "workers": {"cpus": [cpus[-1]], "poll": "adaptive"},
        "interfaces": {"net1": {}, "net2": {"egress": {"rate": RATE, "queue": queue, "overhead": 24}}, "net3": {}}})
    space.ip("neigh", "replace", "10.2.0.1", "lladdr", stations[1].namespace.links()["eth0"]["address"], "dev", "net2",
             "nud", "permanent")
    space.ip("route", "add", "10.50.0.0/16", "via", "10.2.0.1")  # station 2 forwards nothing: Linux drops what gen leaves
    daemon.start()
    wait_until(lambda: daemon.show("route", "10.50.0.1").get("interface") == "net2", "the route is live", 20)
    return daemon, space, stations


def _command(space, number, stream, *options):
    """Stations 1 and 3 send: bulk and sparse, from addresses of their own."""
    return (binary(), "gen", "send", "--interface", "eth0", "--json", "--cpu", min(os.sched_getaffinity(0)), "--stream", stream,
            "--source", f"10.{number}.0.1", "--destination", f"10.50.0.{number}",
            "--destination-mac", space.links()[f"net{number}"]["address"], *options)


def _once(lab, queue, bulk_rate, seconds):
    daemon, space, (bulk_station, sink, sparse_station) = _scene(lab, queue)
    count = SPARSE_PPS * seconds
    bulk = None
    receiver = gen.Receiver(lab, sink.namespace, "eth0", "--stream", str(SPARSE_STREAM), "--count", str(count))
    try:
        if bulk_rate:
            words = _command(space, 1, BULK_STREAM, "--size", "1518", "--rate", bulk_rate, "--engine", "live",
                             "--duration", f"{seconds + 20}s")
            bulk = bulk_station.namespace.popen(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            before = daemon.counters("net2")["tx_packets"]
            wait_until(lambda: bulk.poll() is not None or daemon.counters("net2")["tx_packets"] > before + 20000,
                       "the bulk flow fills the link", 30)
        began, start = time.monotonic(), daemon.counters("net2")
        words = _command(space, 3, SPARSE_STREAM, "--size", "64", "--rate", SPARSE_PPS, "--engine", "xsk", "--count", count)
        sent = sparse_station.namespace.run(*words, timeout_s=seconds + 60)
        end, elapsed_s = daemon.counters("net2"), time.monotonic() - began
        if bulk is not None and bulk.poll() is not None:
            raise LabError(f"the bulk flow ended early: {bulk.communicate()[1]}")
        got = _settled(receiver, count)
    finally:
        if bulk is not None:
            bulk.terminate()
            bulk.communicate(timeout=30)
        if receiver.process.poll() is None:
            receiver.process.terminate()
            receiver.process.wait(30)
    daemon.assert_conserved()
    delay = got["result"]["delay_ns"]["from_sent"]
    return {"bulk_offered": bulk_rate, "sparse_sent": router.json_of(sent)["result"]["sent"],
            "sparse_arrived": got["result"]["distinct"], "delay_p50_s": delay["p50"] / 1e9,
            "delay_p99_s": delay["p99"] / 1e9, "delay_max_s": delay["max"] / 1e9,
            "link_packets": end["tx_packets"] - start["tx_packets"],
            "link_bit_per_s": 8 * (end["tx_bytes"] - start["tx_bytes"]) / elapsed_s,
            "drops": {key: end[key] - start[key] for key in end if key.startswith("drop_") and end[key] != start[key]}}


def _settled(receiver, count):
    """The report once all have arrived (gen receive then ends by itself), or, if some are lost, after 2 s."""
    try:
        receiver.process.wait(2)
    except subprocess.TimeoutExpired:
        pass
    got = receiver.result()
    if got["result"]["distinct"] < FEWEST:  # a plain queue loses many, which is a result
        raise LabError(f"of {count} packets of the sparse flow only {got['result']['distinct']} arrived")
    return got


def measure(seconds, repetitions, progress):
    """{queue: {load: [one of each repetition]}}; loads take turns."""
    found = {queue: {load: [] for load in BULK} for queue in ("fq_codel", "fifo")}
    for number in range(repetitions):
        for queue, loads in found.items():
            for load, runs in loads.items():
                progress(f"sparse flow, {queue}, bulk flow {load}, {number + 1} of {repetitions}")
                with Lab() as lab:
                    runs.append(_once(lab, queue, BULK[load], seconds))
    return {"rate": RATE, "bulk": BULK, "sparse_pps": SPARSE_PPS, "seconds": seconds, "queues": found}
