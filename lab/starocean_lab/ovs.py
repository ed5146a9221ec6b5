"""Open vSwitch with its user-space (netdev) datapath, in a namespace: the other end of a trunk."""

import os
import shutil
import subprocess

from .shell import LabError, run, wait_until

TOOLS = ("ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl")
_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def missing():
    """Why it cannot run here; empty when it can."""
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)} (openvswitch-switch)" if absent else ""


class Ovs:
    """A database server and a daemon of its own, with all their files in `directory`. They end with the
    namespace, or by stop()."""

    BRIDGE = "br"

    def __init__(self, namespace, directory):
        self.namespace = namespace
        self.directory = os.path.join(directory, "ovs")
        os.mkdir(self.directory)
        self._environment = dict(os.environ)
        for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"):
            self._environment[name] = self.directory
        self._socket = f"unix:{self.directory}/db.sock"
        self._processes = []
        database = f"{self.directory}/conf.db"
        run("ovsdb-tool", "create", database, _SCHEMA)
        self._start("ovsdb-server", database, f"--remote=p{self._socket}",
                    f"--unixctl={self.directory}/ovsdb-server.ctl")
        wait_until(lambda: self.vsctl("--no-wait", "init", check=False).returncode == 0, "ovsdb-server answers", 20)
        # Both tags of a frame are looked at; OVS by itself looks at one.
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
        self._start("ovs-vswitchd", self._socket, f"--unixctl={self.directory}/ovs-vswitchd.ctl",
                    f"--log-file={self.directory}/ovs-vswitchd.log")
        self.vsctl("add-br", self.BRIDGE, "--", "set", "bridge", self.BRIDGE, "datapath_type=netdev")

    def _start(self, program, *words):
        with open(f"{self.directory}/{program}.out", "wb") as said:
            self._processes.append(self.namespace.popen(program, *words, env=self._environment, stdout=said,
                                                        stderr=said, stdin=subprocess.DEVNULL))

    def vsctl(self, *words, check=True):
        return run("ovs-vsctl", f"--db={self._socket}", "--timeout=15", *words, check=check)

    def add_port(self, device, *settings):
        """`settings` are columns of its Port: "tag=10", "trunks=10,20" …"""
        self.vsctl("add-port", self.BRIDGE, device, *(["--", "set", "port", device, *settings] if settings else []))
        error = self.vsctl("get", "interface", device, "error").stdout.strip()
        if error != "[]":
            raise LabError(f"Open vSwitch cannot use {device}: {error}")

    def stop(self):
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)
