"""starocean in the guest, in the words of the ordinary labs, and what Linux says of its sockets."""

import base64
import json
import re
import signal

from starocean_lab import Host, LabError, Starocean, wait_until

_LISTEN = "127.0.0.1:30088"


class GuestHost(Host):
    """A host whose card is one of the guest's, on a cable to a port of the switch."""

    def __init__(self, namespace, number):  # pylint: disable=super-init-not-called
        self.namespace = namespace
        self.number = number
        self.device = "eth0"
        self.ipv4, self.ipv6, self.mac = f"10.0.0.{number}", f"fd00::{number:x}", mac_of_host(number)
        namespace.take(self.mac, self.device)
        for scope in ("all", "default", self.device):
            namespace.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
        namespace.ip("addr", "add", f"{self.ipv4}/24", "dev", self.device)
        namespace.ip("addr", "add", f"{self.ipv6}/64", "dev", self.device, "nodad")
        namespace.link_up(self.device)

    def ping_sizes(self, address, sizes):
        """One ping of each size; each must be answered, with the payload that was sent."""
        said = self.namespace.run("sh", "-c", f"""
            for size in {' '.join(map(str, sizes))}; do
              said=$(ping -n -c 1 -W 10 -s $size {address} 2>&1) || exec echo "$size bytes: no answer. $said"
              case $said in *"wrong data"*) exec echo "$size bytes: changed. $said";; esac
            done""", timeout_s=20 + 2 * len(sizes)).stdout
        if said:
            raise LabError(f"{self} pinged {address} with {said}")


def mac_of_host(number):
    return f"02:00:00:00:00:{number:02x}"


def mac_of_port(number):
    return f"02:00:00:00:01:{number:02x}"


class GuestStarocean(Starocean):
    """`starocean run` in a namespace of the guest."""

    def __init__(self, namespace, name, config):  # pylint: disable=super-init-not-called
        self.namespace = namespace
        self.name = name
        self.config_path, self.socket_path, self.log_path = (
            f"/tmp/{name}.{ending}" for ending in ("yaml", "sock", "log"))
        self.process = None
        self.write_config({"api": {"listen": _LISTEN}, **config})

    def write_config(self, config):
        self.config = config
        text = base64.b64encode(json.dumps(config).encode()).decode()
        self.namespace.guest.shell(f"echo {text} | base64 -d >{self.config_path}")

    def launch(self):
        self.process = self.namespace.popen("starocean", "run", "--config", self.config_path, "--socket",
                                            self.socket_path, log_path=self.log_path)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def show(self, what, *words):
        """Over HTTP, which gives the same answer as the command in a tenth of the time."""
        assert not words
        page = self.namespace.run("wget", "-q", "-O", "-", f"http://{_LISTEN}/v1/{what}", timeout_s=20)
        return json.loads(page.stdout)

    def cli(self, *words, check=True, timeout_s=20):
        return self.namespace.run("starocean", "--socket", self.socket_path, *words, check=check,
                                  timeout_s=timeout_s)

    def log(self):
        return self.namespace.guest.shell(f"cat {self.log_path}", check=False).stdout

    def assert_conserved(self, timeout_s=10):
        super().assert_conserved(timeout_s)
        late = [worker["id"] for worker in self.show("workers")["workers"] if worker["counters"]["lost_wakeups"]]
        assert not late, f"workers {late} slept on over work"

    def kernel_losses(self):
        """What the kernel dropped or refused before we saw it, where it is not zero. (That it was asked to
        transmit and found nothing is no loss.)"""
        kernel = self.show("drops")["kernel"]
        return {name: count for name, count in kernel.items() if count and name != "tx_ring_empty"}


class GuestEcho:
    """`starocean echo` on a device of a namespace of the guest."""

    def __init__(self, namespace, device, address, *more):
        self.namespace = namespace
        self.log_path = f"/tmp/echo-{device}.log"
        self.process = namespace.popen("starocean", "echo", "--interface", device, "--address", address,
                                       "--listen", _LISTEN, *more, log_path=self.log_path)
        wait_until(self._serves, "starocean echo serves its counters", 30)

    def _serves(self):
        if not self.running():
            raise LabError(f"starocean echo ended with status {self.process.returncode}: {self.log_tail()}")
        return self._fetch().returncode == 0

    def _fetch(self):
        return self.namespace.run("wget", "-q", "-O", "-", f"http://{_LISTEN}/stats", check=False)

    def stats(self):
        return json.loads(self._fetch().stdout)

    def running(self):
        return self.process.poll() is None

    def assert_conserved(self):
        """Every frame is free, or in a ring."""
        def adds_up():
            frames = self.stats()["frames"]
            return frames["total"] == frames["free"] + frames["in_rx"] + frames["in_tx"]
        wait_until(adds_up, "the frames of starocean echo add up", 10)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait(10)

    def log_tail(self, lines=25):
        return self.namespace.guest.shell(f"tail -n {lines} {self.log_path}", check=False).stdout


# Of each socket `ss --xdp -e` prints, over several lines, "DEVICE:qQUEUE" and "umem(…,zc:1,…)".
_SOCKET = re.compile(r"\s(\S+):q(\d+)\s.*?umem\([^)]*\bzc:(\d)", re.S)


def sockets_of(namespace):
    """What Linux itself (sock_diag, xsk_diag) says of the AF_XDP sockets of a namespace:
    {(device, queue): "zero-copy" or "copy"}."""
    shown = namespace.run("ss", "--xdp", "-e", "-n", "-H").stdout
    return {(device, int(queue)): "zero-copy" if flag == "1" else "copy"
            for device, queue, flag in _SOCKET.findall(shown)}


def assert_mode(wanted, told, kernel, where):
    """Fails unless both starocean and Linux say that the mode is the one that is wanted."""
    assert told == wanted, f"starocean says that {where} is in {told} mode, not in {wanted} mode"
    assert kernel == wanted, f"Linux says that {where} is in {kernel} mode, not in {wanted} mode"
