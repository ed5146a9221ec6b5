"""A rate, classes and queues on what an interface sends."""

import pytest

from starocean_lab import Lab, router


def _receive_rate(a, b, seconds, options=()):
    server = b.namespace.popen("iperf3", "-s", "-1", "-p", "5201", stdout=-3)
    try:
        b.namespace.wait_listening(5201)
        done = a.run("iperf3", "-c", b.ipv4, "-p", "5201", "-t", seconds, "-J", *options, timeout_s=90)
        return router.json_of(done)["end"]["sum_received"]["bits_per_second"]
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("queue", ["fq_codel", "fifo"])
def test_a_link_carries_its_rate_and_no_more(lab, queue):
    config = {"interfaces": {"net1": {}, "net2": {"egress": {"rate": "50M", "queue": queue, "overhead": 24}}}}
    daemon, _, (a, b) = router.routed(lab, 2, config=config)
    rate = _receive_rate(a, b, 4)
    assert 5e6 < rate < 50e6, rate  # below 50 by headers, and by what a busy machine's TCP does not use
    daemon.assert_conserved()
    counters = daemon.counters("net2")
    assert counters["drop_tx_full"] == 0
    # The other direction is as it was.
    assert _receive_rate(b, a, 2) > 50e6


def test_a_sparse_flow_goes_past_a_bulk_flow():
    """Pings beside a bulk flow: with a long plain queue they wait in it, with FQ-CoDel they do not. Each is measured
    by the other, not by a clock on the wall."""
    def round_trip_ms(queue):
        config = {"interfaces": {"net1": {}, "net2": {"egress": {"rate": "20M", "queue": queue, "limit": 500}}}}
        with Lab() as lab:
            daemon, _, (a, b) = router.routed(lab, 2, config=config)
            server = b.namespace.popen("iperf3", "-s", "-1", "-p", "5201", stdout=-3)
            b.namespace.wait_listening(5201)
            bulk = a.namespace.popen("iperf3", "-c", "10.2.0.1", "-p", "5201", "-t", "6", "-C", "reno", stdout=-3)
            try:
                said = a.run("sh", "-c", "sleep 3; ping -n -q -c 30 -i 0.05 10.2.0.1").stdout
            finally:
                for one in (bulk, server):
                    one.kill()
                    one.wait()
            daemon.assert_conserved()
            return float(said.split("=")[1].split("/")[1])
    fifo, codel = round_trip_ms("fifo"), round_trip_ms("fq_codel")
    assert codel < fifo / 4, (codel, fifo)


def test_refusals(lab):
    space = router.router_namespace(lab)
    daemon = lab.starocean(space, {
        "version": 1, "memory": {"frames": 4096},
        "interfaces": {"x": {"egress": {"rate": "500", "classes": {"a": {"dscp": [46]}, "b": {"dscp": [46]}}}}}}, start=False)
    done = daemon.launch().wait()
    assert done == 1
    log = daemon.log()
    assert "'500' is not a whole number with a unit" in log and "DSCP 46 is in class 'a'" in log
