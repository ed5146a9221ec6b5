#!/usr/bin/env python3
"""make demo: three Linux hosts behind one starocean switch, everything in network namespaces.

They ping each other over IPv4 and IPv6, run iperf3 both ways and copy a file; then the switch shows what
it learned and counted, and everything is removed again. Exit status 0 when all of it worked."""

import hashlib
import itertools
import os
import signal
import socket
import sys
import time

from starocean_lab import Lab, LabError, machine
from starocean_lab import traffic

FILE_BYTES = 200_000_000
PICTURE = """
    host 1            host 2            host 3          Linux, each with its own eth0
  10.0.0.1          10.0.0.2          10.0.0.3
      |                 |                 |             three cables (veth)
    lan1              lan2              lan3
  +---+-----------------+-----------------+---+
  |  starocean: AF_XDP sockets, one L2 switch |         one process, user space
  +-------------------------------------------+
"""


class Progress:
    """One line per step: what is being done, then what came of it."""

    def __init__(self):
        self.started = time.monotonic()

    def step(self, text):
        print(f"[{time.monotonic() - self.started:5.1f} s] {text} ... ", end="", flush=True)

    @staticmethod
    def done(text="ok"):
        print(text, flush=True)


def ping_all_pairs(progress, hosts):
    for family, name in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        progress.step(f"ping in all pairs over {name}")
        pairs = list(itertools.permutations(hosts, 2))
        for sender, receiver in pairs:
            sender.ping(receiver.address(family), count=3)
        progress.done(f"{len(pairs)} pairs, {3 * len(pairs)} of {3 * len(pairs)} answered")


def iperf_both_ways(progress, hosts):
    for reverse in (False, True):
        way = "host 2 to host 1" if reverse else "host 1 to host 2"
        progress.step(f"iperf3 for 3 s, {way}")
        rate = hosts[0].iperf3(hosts[1], seconds=3, reverse=reverse)
        if rate <= 0:
            raise LabError(f"iperf3 {way} moved nothing")
        progress.done(f"{rate / 1e9:.2f} Gbit/s")


def copy_a_file(progress, lab, hosts):
    source, target = os.path.join(lab.directory, "file"), os.path.join(lab.directory, "copy")
    progress.step(f"make a file of {FILE_BYTES // 10**6} MB of random bytes on host 3")
    digest = hashlib.sha256()
    with open(source, "wb") as file:
        for _ in range(FILE_BYTES // 10**6):
            chunk = os.urandom(10**6)
            digest.update(chunk)
            file.write(chunk)
    progress.done(f"sha256 {digest.hexdigest()[:16]}…")
    progress.step("copy it from host 3 to host 1 over TCP")
    result = traffic.copy_file(hosts[2], hosts[0], source, target)
    progress.done(f"{result.received_bytes // 10**6} MB in {result.seconds:.1f} s, "
                  f"{result.bits_per_second() / 1e9:.2f} Gbit/s")
    progress.step("compare the hashes")
    if result.received_sha256 != digest.hexdigest():
        raise LabError(f"the copy's sha256 is {result.received_sha256}, the file's {digest.hexdigest()}: "
                       "the switch changed or lost data")
    progress.done(f"equal: {result.received_sha256[:16]}…")


def show(daemon):
    for title, words in (("MAC table", ["fdb"]), ("Port counters", ["interfaces"]),
                         ("Where packets went", ["drops"])):
        print(f"\n{title}   (starocean show {words[0]})")
        print(daemon.cli("show", *words).stdout.rstrip())
    print(flush=True)


def demo(progress, lab):
    progress.step("make three hosts, cable them to the switch, start starocean")
    daemon, hosts = lab.switched(3)
    interfaces = daemon.show("interfaces")["interfaces"]
    progress.done(", ".join(f"{i['name']} {i['attach']} {i['mode']}" for i in interfaces))
    ping_all_pairs(progress, hosts)
    iperf_both_ways(progress, hosts)
    copy_a_file(progress, lab, hosts)
    show(daemon)
    progress.step("check that every packet and every frame is accounted for")
    daemon.assert_conserved()
    progress.done()
    progress.step("stop starocean, remove everything")
    status = daemon.stop()
    if status != 0:
        raise LabError(f"starocean ended with status {status} after SIGTERM")
    lab.close()
    progress.done()


def main():
    reason = machine.missing()
    if reason:
        print(f"demo: cannot run here: {reason}", file=sys.stderr)
        return 1
    print(PICTURE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    progress = Progress()
    with Lab() as lab:
        try:
            demo(progress, lab)
        except (LabError, AssertionError, OSError) as error:
            print("FAILED", flush=True)
            print(f"\ndemo: {error}", file=sys.stderr)
            for daemon in lab.daemons:
                print(f"\nThe daemon's log ends:\n{daemon.log_tail()}", file=sys.stderr)
            print("\nWhat to do: if the log names a cause, follow its remedy; else run 'make test' and send "
                  "build/logs with a bug report.", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("interrupted; removing everything", file=sys.stderr)
            return 130
    print("\nThe demo worked: three hosts talked through starocean in user space.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
