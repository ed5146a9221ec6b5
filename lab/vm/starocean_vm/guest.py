"""The virtual machine: QEMU with an emulated CPU, its cables, and a shell inside."""

import base64
import contextlib
import ctypes
import itertools
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import time

from starocean_lab import LabError, Namespace

from . import initramfs, kernel

# A boot takes about five seconds on an idle machine; patience is for busy ones.
_BOOT_TIMEOUT_S = 300
_GRACE_S = 60
# Mitigations of CPU faults cost most of an emulated CPU's time, and mend nothing there. The others are checks
# of time that a busy machine fails on the guest's behalf.
_KERNEL_PARAMETERS = "mitigations=off no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """Why no guest can run here, as a sentence; empty when one can."""
    if not shutil.which("qemu-system-x86_64"):
        return "not installed: qemu-system-x86_64; run scripts/bootstrap vm"
    return initramfs.missing()


class Guest:
    """A booted machine. `cards` has one (MAC, cable, options) per network card: cards on one cable, a
    number, are joined; `options` go to QEMU's virtio-net-pci. Zero-copy needs iommu_platform=on
    (linux: virtnet_xsk_pool_enable wants a device that does DMA through the DMA API). `own_kernel`: see kernel.py."""

    def __init__(self, directory, cards, programs, memory_mb=512, arguments="", own_kernel=False):
        self.directory = pathlib.Path(directory)
        self.console_path = self.directory / "console.log"
        image, modules = kernel.extract(self.directory / "kernel", own_kernel)
        disk = self.directory / "initramfs.cpio"
        initramfs.build(disk, self.directory / "root", modules, programs)
        self._received = b""
        self._lost = False
        socket_path = self.directory / "agent.sock"
        self._process = self._start(image, disk, cards, memory_mb, arguments, socket_path)
        self._channel = None
        try:
            self._channel = self._connect(socket_path)
            self._await_line(_BOOT_TIMEOUT_S, "the guest is ready")
        except BaseException:
            self.close()
            raise

    def _start(self, image, disk, cards, memory_mb, arguments, socket_path):
        words = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", f"{memory_mb}M",
                 "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-kernel", image, "-initrd", disk,
                 "-append", f"console=ttyS0 loglevel=5 panic=-1 {_KERNEL_PARAMETERS} {arguments}",
                 "-serial", f"file:{self.console_path}",
                 "-device", "virtio-serial-pci",
                 "-chardev", f"socket,id=agent,path={socket_path},server=on,wait=off",
                 "-device", "virtserialport,chardev=agent,name=agent"]
        for number, (mac, cable, options) in enumerate(cards):
            words += ["-netdev", f"hubport,id=net{number},hubid={cable}",
                      "-device", f"virtio-net-pci,netdev=net{number},mac={mac},romfile=,{options}"]

        def die_with_parent():
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with open(self.directory / "qemu.log", "wb") as log:
            return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log, preexec_fn=die_with_parent)

    def _connect(self, path):
        deadline = time.monotonic() + _GRACE_S
        while True:
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                channel.connect(str(path))
                return channel
            except OSError as error:
                channel.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"QEMU did not start ({error}); {self.last_words()}") from error
            time.sleep(0.02)

    def last_words(self, lines=25):
        """What QEMU and the guest's console said last."""
        said = []
        for path in (self.directory / "qemu.log", self.console_path):
            with contextlib.suppress(OSError):
                said += path.read_text(errors="replace").splitlines()
        return "QEMU and the guest's console say:\n" + "\n".join("    " + line for line in said[-lines:])

    def _await_line(self, timeout_s, what):
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabError(f"waited {timeout_s:g} s in vain until {what}; {self.last_words()}")
            self._channel.settimeout(left)
            with contextlib.suppress(TimeoutError):
                data = self._channel.recv(65536)
                if not data:
                    raise LabError(f"the guest ended before {what}; {self.last_words()}")
                self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.decode("ascii")

    def shell(self, script, check=True, timeout_s=60):
        """Runs shell text in the guest; one at a time. With `check`, a status other than 0 raises. What does
        not end in time is the end of the guest: it cannot be asked anything any more."""
        if self._lost:
            raise LabError("the guest no longer answers; see the first lab that failed")
        line = script.replace("\\", "\\\\").replace("\n", "\\n") + "\n"
        try:
            self._channel.sendall(line.encode())
            answer = self._await_line(timeout_s + _GRACE_S, f"the guest had run '{script[:200]}'")
        except (LabError, OSError):
            self._lost = True
            raise
        status, out, err = answer.split(" ")
        done = subprocess.CompletedProcess(script, int(status), *(
            base64.b64decode(text[:-1]).decode(errors="replace") for text in (out, err)))
        if check and done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-800:]
            raise LabError(f"in the guest '{script[:200]}' failed with status {done.returncode}: {said}")
        return done

    def kernel_complaints(self):
        """Lines of the kernel's log that tell of a defect: what a driver in trouble leaves behind."""
        signs = ("BUG:", "WARNING:", "Oops", "Call Trace", "general protection", "NETDEV WATCHDOG")
        return [line for line in self.shell("dmesg").stdout.splitlines() if any(s in line for s in signs)]

    def close(self):
        if self._channel is not None:
            self._channel.close()
        self._process.kill()
        self._process.wait()


class GuestNamespace(Namespace):
    """A network namespace of the guest, with those words of the ordinary labs that make sense there."""

    def __init__(self, guest, name):  # pylint: disable=super-init-not-called
        self.guest = guest
        self.name = name
        guest.shell(f"ip netns add {name}; ip -n {name} link set lo up")

    def ip(self, *args, check=True):
        return self.guest.shell(shlex.join(["ip", "-n", self.name, *map(str, args)]), check=check)

    def run(self, *args, check=True, timeout_s=60):
        """As everywhere, except that /sys stays that of the machine's own namespace."""
        # `ip netns exec` takes longer than most of what it is to run. busybox needs the path: by name it
        # prefers its own programs.
        command = ["nsenter", f"--net=/run/netns/{self.name}", f"/bin/{args[0]}", *map(str, args[1:])]
        return self.guest.shell(shlex.join(command), check=check, timeout_s=timeout_s)

    def popen(self, *args, log_path="/dev/null"):  # pylint: disable=arguments-differ
        """Starts a command inside; its output goes to a file of the guest."""
        command = ["ip", "netns", "exec", self.name, *map(str, args)]
        return GuestProcess(self.guest, shlex.join(command), log_path)

    def sysctl(self, key, value):
        self.run("sysctl", "-q", "-w", f"{key}={value}")

    def take(self, mac, device):
        """Moves the card with this MAC address here, under a name of its own."""
        self.guest.shell(f"""
            for card in /sys/class/net/*; do
              if [ "$(cat $card/address)" = {mac} ]; then
                ip link set ${{card##*/}} netns {self.name} name {device} && exit
              fi
            done
            echo "there is no card {mac}" >&2; exit 1""")

    def delete(self):
        self.guest.shell(f"ip netns del {self.name}")


class GuestProcess:
    """A process in the guest, in the words of subprocess.Popen."""

    _numbers = itertools.count(1)

    def __init__(self, guest, command, log_path):
        self._guest = guest
        self.returncode = None
        self._status_path = f"/tmp/process-{next(self._numbers)}"
        # The shell that waits for it stays behind and notes how it ended.
        waiter = (f"{command} >>{log_path} 2>&1 & echo $! >{self._status_path}.pid; "
                  f"wait $!; echo $? >{self._status_path}")
        guest.shell(f"setsid /bin/sh -c {shlex.quote(waiter)} >/dev/null 2>&1 &")
        self.pid = int(guest.shell(f"until cat {self._status_path}.pid 2>/dev/null | grep .; do usleep 10000; done",
                                   timeout_s=20).stdout)

    def poll(self):
        if self.returncode is None:
            noted = self._guest.shell(f"cat {self._status_path} 2>/dev/null", check=False).stdout.strip()
            if noted:
                self.returncode = int(noted) if int(noted) < 128 else 128 - int(noted)
        return self.returncode

    def wait(self, timeout=60):
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid} of the guest", timeout)
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number):
        self._guest.shell(f"kill -{int(number)} {self.pid}", check=False)

    def kill(self):
        self.send_signal(signal.SIGKILL)
