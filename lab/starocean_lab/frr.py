"""FRR in a namespace: zebra and routing daemons whose files and sockets are all the lab's. Neither the system's FRR
nor that of another namespace is touched."""

import ipaddress
import json
import os
import shutil
import subprocess

from .shell import LabError, run, wait_until

DIRECTORY = "/usr/lib/frr"  # where Debian has the daemons, outside of PATH
# FRR gives up root, and so could not enter the lab's directory; it also writes under /var/tmp/frr, which no option
# changes. `ip netns exec` gives each command mounts of its own, so directories of the lab can stand there.
_THERE = "/etc/frr"
_START = f'mount --bind "$0" {_THERE} && mount --bind "$0/tmp" /var/tmp && exec "$@"'


def missing(daemons=("zebra", "ospfd", "bgpd", "staticd")):
    """Why it cannot run here; empty when it can."""
    absent = [name for name in daemons if not os.access(f"{DIRECTORY}/{name}", os.X_OK)]
    if absent or not shutil.which("vtysh"):
        return f"FRR is not installed (package frr): no {', '.join(absent) or 'vtysh'}"
    return ""


class Frr:
    """The daemons of `configs` ({"ospfd": text, …}; zebra is always one and first) in a namespace. They answer when this
    returns, and end by stop(), or with the namespace."""

    def __init__(self, namespace, directory, configs):
        self.namespace = namespace
        self.directory = os.path.join(directory, f"frr-{namespace.name.rsplit('-', 1)[-1]}")
        self._processes = {}
        os.makedirs(f"{self.directory}/tmp")
        for path in (self.directory, f"{self.directory}/tmp"):
            shutil.chown(path, "frr", "frr")
        for name, text in {"zebra": "", **configs}.items():
            self._start(name, text)

    def _start(self, name, text):
        with open(f"{self.directory}/{name}.conf", "w", encoding="ascii") as file:
            file.write(f"hostname {self.namespace.name}\nlog file {_THERE}/{name}.log informational\n{text}")
        with open(f"{self.directory}/{name}.out", "wb") as said:
            self._processes[name] = self.namespace.popen(
                "sh", "-c", _START, self.directory, f"{DIRECTORY}/{name}", "-f", f"{_THERE}/{name}.conf",
                "-i", f"{_THERE}/{name}.pid", "-z", f"{_THERE}/zserv.api", "--vty_socket", _THERE, "-P", "0",
                stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self.wait(lambda: self._answers(name), f"{name} answers", 30)

    def _answers(self, name):
        status = self._processes[name].poll()
        if status is not None:
            raise LabError(f"FRR's {name} in {self.namespace} ended with status {status}")
        return self._vtysh(name, ["show version"]).returncode == 0

    def _vtysh(self, name, commands):
        words = [word for command in commands for word in ("-c", command)]
        return run("vtysh", "--vty_socket", self.directory, "--config_dir", self.directory, "-d", name, *words,
                   check=False)

    def ask(self, name, *commands):
        """What the daemon says to commands of vtysh, as text."""
        done = self._vtysh(name, commands)
        if done.returncode != 0:
            raise LabError(f"FRR's {name} in {self.namespace} refused {commands}: {done.stderr or done.stdout}")
        return done.stdout

    def show(self, name, command):
        """`show COMMAND json` as Python values."""
        return json.loads(self.ask(name, f"show {command} json") or "{}")

    def configure(self, name, *lines):
        self.ask(name, "configure terminal", *lines)

    def wait(self, condition, what, timeout_s=30):
        """wait_until, with what the daemons logged if it was in vain."""
        try:
            return wait_until(condition, f"{self.namespace}: {what}", timeout_s, every_s=0.1)
        except LabError as error:
            raise LabError(f"{error}\n{self.log_tail()}") from error

    def log_tail(self, lines=12):
        said = []
        for name in self._processes:
            for end in ("out", "log"):
                path = f"{self.directory}/{name}.{end}"
                if os.path.exists(path):
                    with open(path, encoding="utf-8", errors="replace") as file:
                        said += [f"    {name}: {line.rstrip()}" for line in file.readlines()[-lines:]]
        return "\n".join(said)

    # ---- what the protocols have come to ----

    def ospf_full(self):
        """Router ids of neighbours whose adjacency is Full."""
        found = self.show("ospfd", "ip ospf neighbor").get("neighbors", {})
        return sorted(router for router, sessions in found.items()
                      if any(one["nbrState"].startswith("Full") for one in sessions))

    def bgp_established(self):
        """Addresses of peers whose session is up."""
        shown = self.show("bgpd", "bgp summary")
        return sorted({address for family in shown.values() if isinstance(family, dict)
                       for address, peer in family.get("peers", {}).items() if peer["state"] == "Established"})

    def stop(self):
        """SIGTERM, in reverse; they take their routes back. Those that do not end are killed."""
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ospf_text(number, costs, passive=()):
    """ospfd's configuration of router 192.0.2.NUMBER: costs {device: cost} of links, and devices with hosts only."""
    text = ""
    for device, cost in costs.items():
        text += (f"interface {device}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n"
                 f" ip ospf dead-interval 6\n ip ospf retransmit-interval 3\n ip ospf cost {cost}\nexit\n")
    for device in passive:
        text += f"interface {device}\n ip ospf area 0\n ip ospf passive\nexit\n"
    return text + (f"router ospf\n ospf router-id 192.0.2.{number}\n timers throttle spf 0 50 500\n"
                   " timers throttle lsa all 0\n timers lsa min-arrival 0\nexit\n")


def bgp_text(number, peers, networks=(), passive=False):
    """bgpd's, of router 192.0.2.NUMBER in AS 65000 + NUMBER: peers {address: number}, and what it announces. A passive
    one waits to be called, and has both families in each session."""
    text = (f"router bgp {65000 + number}\n bgp router-id 192.0.2.{number}\n no bgp ebgp-requires-policy\n"
            " no bgp network import-check\n no bgp default ipv4-unicast\n")
    for address, peer in peers.items():
        text += (f" neighbor {address} remote-as {65000 + peer}\n neighbor {address} timers 2 6\n"
                 f" neighbor {address} timers connect 1\n neighbor {address} advertisement-interval 0\n")
        text += f" neighbor {address} passive\n" if passive else ""
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        text += f" address-family {family} unicast\n"
        for address in peers:
            if passive or ipaddress.ip_address(address).version == version:
                text += f"  neighbor {address} activate\n"
        for prefix in networks:
            if ipaddress.ip_network(prefix).version == version:
                text += f"  network {prefix}\n"
        text += " exit-address-family\n"
    return text + "exit\n"
