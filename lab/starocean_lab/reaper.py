"""Removes what a lab made, also when the lab could not.

Every namespace of a lab is named so-PID-LABEL after the process that made it. At its start a lab
removes those whose process no longer lives, and starts this file as a child that reads from a pipe.
The pipe ends when the lab does, however it does, kill -9 included; then the child ends the processes
in the lab's namespaces, deletes the namespaces, and undoes what the lab asked to have undone:

    sysctl PATH VALUE     write VALUE to PATH (the number of huge pages, for one)
    remove PATH           delete this directory

Only processes inside namespaces that the lab made are ended, by their ids.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

PREFIX = "so-"
_NAME = re.compile(r"^so-(\d+)-")


def _ip(*args):
    return subprocess.run(["ip", *args], capture_output=True, text=True, check=False)


def namespaces_of(pid):
    """Names of the namespaces that the lab with this process id made and that still exist."""
    try:
        names = os.listdir("/run/netns")
    except FileNotFoundError:
        return []
    return [name for name in names if name.startswith(f"{PREFIX}{pid}-")]


def end_processes(namespace, timeout_s=5.0):
    """Kills every process inside the namespace and waits, within bounds, until they are gone."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        pids = [int(pid) for pid in _ip("netns", "pids", namespace).stdout.split()]
        pids = [pid for pid in pids if pid != os.getpid()]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def remove_namespace(namespace):
    """Ends the processes inside, then deletes the namespace and with it its devices."""
    end_processes(namespace)
    _ip("netns", "del", namespace)


def remove_leftovers():
    """Removes the namespaces of labs whose process is gone."""
    try:
        names = os.listdir("/run/netns")
    except FileNotFoundError:
        return
    for name in names:
        owner = _NAME.match(name)
        if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
            remove_namespace(name)


def start():
    """Starts the reaper of the calling process; returns the pipe that keeps it waiting."""
    remove_leftovers()
    child = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(os.getpid())],
                             stdin=subprocess.PIPE, text=True, start_new_session=True)
    return child


def _undo(line):
    kind, _, rest = line.strip().partition(" ")
    if kind == "remove" and os.path.basename(rest).startswith(PREFIX):
        shutil.rmtree(rest, ignore_errors=True)
    elif kind == "sysctl":
        path, _, value = rest.rpartition(" ")
        with open(path, encoding="ascii") as file:
            changed = file.read().strip() != value
        if changed:
            with open(path, "w", encoding="ascii") as file:
                file.write(value)


def main():
    owner = int(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    undo = sys.stdin.readlines()
    for name in namespaces_of(owner):
        remove_namespace(name)
    for line in reversed(undo):
        try:
            _undo(line)
        except OSError as error:
            print(f"lab: could not undo '{line.strip()}': {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
