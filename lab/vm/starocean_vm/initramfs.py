"""The guest's whole disk: busybox, a few of this machine's programs with their libraries, the kernel
modules that the labs use, and `init`."""

import lzma
import os
import pathlib
import re
import shutil
import subprocess

from starocean_lab import LabError

# What init loads, with all that these depend on. The rest of the cloud kernel's drivers stays behind.
MODULES = ("virtio_net", "veth", "sch_ingress", "cls_bpf", "bridge", "8021q")
# Not in all kernels: built in, or (xsk_diag on Debian 12, without which `ss --xdp` says nothing) left out.
MODULES_IF_THERE = ("virtio_pci", "virtio_console", "xsk_diag")
# busybox has the rest. Not its shell, which would use its own `ip` and `ping` instead of these.
PROGRAMS = ("dash", "ip", "bridge", "ss", "ethtool", "ping")

# Reads a line, a script with \\n for the ends of lines, runs it, and answers with a line: exit status,
# standard output and standard error, these in base64 with a full stop behind. A channel of its own: the
# console belongs to the kernel's messages, which may come at any time. As few programs as can be are
# started, since that is what takes time on an emulated CPU.
_INIT = """\
#!/bin/dash
export PATH=/bin
busybox mount -t proc proc /proc
busybox --install -s /bin
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
exec >/dev/console 2>&1
while read -r module; do insmod "/modules/$module" || echo "init: cannot load $module"; done </modules/order
ip link set lo up
port=$(basename "$(dirname "$(grep -l '^agent$' /sys/class/virtio-ports/*/name)")")
exec 3<>"/dev/$port"
echo ready >&3
while IFS= read -r line <&3; do
  (exec 3<&-; eval "$(printf '%b' "$line")") >/tmp/out 2>/tmp/err </dev/null
  status=$? out= err=
  test -s /tmp/out && out=$(base64 -w 0 /tmp/out)
  test -s /tmp/err && err=$(base64 -w 0 /tmp/err)
  echo "$status $out. $err." >&3
done
echo "init: the host has closed the channel"
poweroff -f
"""


def missing():
    """Why no image can be made here, as a sentence; empty when one can."""
    absent = [tool for tool in ("busybox", "cpio", "ldd", *PROGRAMS) if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}; run scripts/bootstrap demo vm" if absent else ""


def build(path, root, modules_directory, programs):
    """Writes the image to `path`. `root` is an empty directory to build in; `programs` are paths of
    programs that the guest gets besides PROGRAMS, in /bin."""
    root = pathlib.Path(root)
    for directory in ("bin", "dev", "etc", "lib", "modules", "proc", "run", "sys", "tmp", "var"):
        (root / directory).mkdir(parents=True)
    (root / "bin/sh").symlink_to("dash")
    (root / "var/run").symlink_to("/run")
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    for program in [*map(shutil.which, PROGRAMS), *map(str, programs)]:
        shutil.copy(program, root / "bin" / os.path.basename(program))
        for library in _libraries(program):
            target = root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    order = []
    there = [name for name in MODULES_IF_THERE if _files_of(name, modules_directory)]
    for name in (*there, *MODULES):
        _add_module(name, modules_directory, root / "modules", order)
    (root / "modules/order").write_text("".join(f"{name}\n" for name in order), encoding="ascii")
    (root / "init").write_text(_INIT, encoding="ascii")
    (root / "init").chmod(0o755)
    names = "".join(f"{file.relative_to(root)}\n" for file in sorted(root.rglob("*")))
    with open(path, "wb") as image:
        subprocess.run(["cpio", "--quiet", "--create", "--format=newc", "--owner=0:0"], cwd=root, check=True,
                       stdout=image, input=names.encode(), timeout=60)


def _libraries(program):
    """Every library that the dynamic linker loads for it, the linker included."""
    shown = subprocess.run(["ldd", program], capture_output=True, text=True, check=False, timeout=60).stdout
    if "not found" in shown:
        raise LabError(f"{program} lacks a library on this machine:\n{shown}")
    return re.findall(r"(/\S+) \(0x", shown)


def _files_of(name, source):
    return [path for path in source.rglob("*.ko*")
            if path.name.split(".")[0].replace("-", "_") == name.replace("-", "_")]


def _add_module(name, source, target, order):
    """Unpacks a module and, before it, what it depends on; `order` gets the names of files to load."""
    found = _files_of(name, source)
    if not found:
        raise LabError(f"the kernel's packages hold no module '{name}'")
    file = f"{name}.ko"
    if file in order:
        return
    data = found[0].read_bytes()
    if found[0].suffix == ".xz":
        data = lzma.decompress(data)
    # The section .modinfo: strings `key=value` that end with a zero byte (linux/moduleparam.h).
    depends = re.search(rb"\0depends=([^\0]*)\0", data)
    for other in filter(None, depends.group(1).decode().split(",") if depends else []):
        _add_module(other, source, target, order)
    (target / file).write_bytes(data)
    order.append(file)
