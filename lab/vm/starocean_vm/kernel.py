"""The guest's kernel: Debian's cloud kernel from the backports of the next release, or that of this
system's own release; cached.

Nothing here names a host or a version. The mirror is the one that this system's apt uses for its own
release; apt downloads the index into a directory of its own, checks signature and checksum, and leaves
the system's apt as it was. Of the kernels in the index of the backports the oldest series that has
zero-copy on virtio_net *and* the transmit budget (Linux 6.18) is taken, in its newest release: it stays
the same for long. STAROCEAN_VM_KERNEL=7.3 asks for another series.

The packages are kept in ${XDG_CACHE_HOME:-~/.cache}/starocean/vm, which `make clean` does not touch, and
are verified against the index's SHA-256 each time they are used.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from starocean_lab import LabError

OLDEST = (6, 18)
SUITE = "trixie-backports"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_NAME = re.compile(r"linux-image-(\d+)\.(\d+)\.(\d+)\+\S*-cloud-amd64")
# Since 6.19 linux-image-… is empty, and depends on these for the kernel and its modules.
_PARTS = re.compile(r"\b(linux-(?:binary|modules)-\d\S+)")
_TIMEOUT_S = 600

_APT_CONFIGURATION = """\
#clear APT::Update;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "{work}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "{work}/lists";
Dir::State::status "{work}/status";
Dir::Cache "{work}/cache";
Acquire::Languages "none";
"""


class Unavailable(Exception):
    """The kernel cannot be had on this machine; the text says why."""


def cache_directory():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "starocean" / "vm"


def extract(target, own=False):
    """Unpacks the kernel, with `own` that of this release, into the directory `target` and returns (vmlinuz, directory
    of its modules)."""
    for package in packages(own):
        _run("dpkg-deb", "-x", package, target)
    # Newer packages (7.3, for one) have the kernel beside its modules.
    images = [path for pattern in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
              for path in pathlib.Path(target).glob(pattern)]
    modules = [path for usr in ("", "usr/") for path in pathlib.Path(target).glob(f"{usr}lib/modules/*/kernel")]
    if len(images) != 1 or len(modules) != 1:
        raise LabError(f"the kernel's packages hold {len(images)} kernels and {len(modules)} sets of modules "
                       "instead of one each")
    return images[0], modules[0]


def packages(own):
    """Paths of the kernel's verified packages, from the cache or else downloaded."""
    if _run("dpkg", "--print-architecture").strip() != "amd64":
        raise Unavailable("only amd64 machines are emulated, and this one's programs are of another kind")
    directory = cache_directory()
    if own:
        record = directory / f"kernel-{_release()}.json"
        return cached(record) or _download(record, _release(), _own)
    wanted = os.environ.get("STAROCEAN_VM_KERNEL", "")
    record = directory / f"kernel{'-' + wanted if wanted else ''}.json"
    return cached(record) or _download(record, SUITE, lambda options: _newest(options, wanted))


def cached(record):
    """Paths of the packages that the record names if all are there and intact, else None."""
    try:
        entries = json.loads(record.read_text(encoding="utf-8"))["packages"]
        paths = [(record.parent / entry["file"], entry["sha256"]) for entry in entries]
        intact = all(_sha256(path) == digest for path, digest in paths)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return [path for path, _ in paths] if paths and intact else None


def _download(record, suite, choose):
    with tempfile.TemporaryDirectory(prefix="so-vm-kernel-") as work:
        os.chmod(work, 0o755)  # apt downloads as a user of its own
        options = _private_apt(work, suite)
        _run("apt-get", *options, "update", "--error-on=any")
        name, version = choose(options)
        described = _describe(options, f"{name}={version}")
        parts = [name, *sorted(set(_PARTS.findall(described.get("Depends", ""))))]
        entries = []
        record.parent.mkdir(parents=True, exist_ok=True)
        for part in parts:
            fields = _describe(options, f"{part}={version}")
            _run("apt-get", *options, "download", f"{part}={version}", cwd=work)
            [file] = pathlib.Path(work).glob(f"{part}_*.deb")
            if _sha256(file) != fields["SHA256"]:
                raise Unavailable(f"{file.name} is not what the index of {suite} promises")
            shutil.copyfile(file, record.parent / f"{file.name}.part")
            os.replace(record.parent / f"{file.name}.part", record.parent / file.name)
            entries.append({"file": file.name, "sha256": fields["SHA256"], "package": part,
                            "version": version})
        part_record = record.with_suffix(".part")
        part_record.write_text(json.dumps({"packages": entries}, indent=1), encoding="utf-8")
        os.replace(part_record, record)
    return [record.parent / entry["file"] for entry in entries]


def _private_apt(work, suite):
    """Options that make apt use that suite, from the system's mirror, and state under `work` alone."""
    for directory in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(work, directory))
    source = f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n"
    for name, text in (("sources.list", source), ("status", ""),
                       ("apt.conf", _APT_CONFIGURATION.format(work=work))):
        pathlib.Path(work, name).write_text(text, encoding="utf-8")
    return ["-c", os.path.join(work, "apt.conf"), "-q"]


def _mirror():
    """Where apt gets this system's own Debian release from."""
    if not os.path.exists(_KEYRING):
        raise Unavailable("there is no Debian archive keyring: this is not Debian")
    listed = _run("apt-get", "--no-release-info", "indextargets", "--format",
                  "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)")
    for line in sorted(set(listed.splitlines())):
        created_by, suite, component, uri = line.split(" ", 3)
        if (created_by, suite, component) == ("Packages", _release(), "main"):
            return uri
    raise Unavailable("apt has no source for this system's own Debian release, whose mirror could be used")


def _release():
    """The code name of this system's own release."""
    for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    raise Unavailable("/etc/os-release names no release: this is not Debian")


def _own(options):
    """(name, version) of the kernel that this release installs in a virtual machine."""
    depends = _describe(options, "linux-image-cloud-amd64").get("Depends", "")
    match = re.match(r"(linux-image-\S+) \(= (\S+)\)", depends)
    if not match:
        raise Unavailable(f"linux-image-cloud-amd64 depends on '{depends}', which names no kernel")
    return match.groups()


def _newest(options, wanted):
    """(name, version) of the kernel package to take."""
    found = []
    for name in _run("apt-cache", *options, "pkgnames", "linux-image-").split():
        match = _NAME.fullmatch(name)
        if not match:
            continue
        numbers = tuple(int(number) for number in match.groups())
        series = f"{numbers[0]}.{numbers[1]}"
        if series == wanted if wanted else numbers[:2] >= OLDEST:
            found.append((numbers, name))
    if not found:
        series = wanted or f"{OLDEST[0]}.{OLDEST[1]} or newer"
        raise Unavailable(f"{SUITE} has no cloud kernel {series}")
    oldest_series = min(numbers for numbers, _ in found)[:2]
    _, name = max(entry for entry in found if entry[0][:2] == oldest_series)
    return name, _describe(options, name)["Version"]


def _describe(options, package):
    """The fields of the package's entry in the index."""
    text = _run("apt-cache", *options, "show", "--no-all-versions", package)
    return dict(line.split(": ", 1) for line in text.splitlines() if re.match(r"[\w-]+: ", line))


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(*command, cwd=None):
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
                              env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError as error:
        raise Unavailable(f"{words[0]} is not installed: this is not Debian") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{words[0]} did not end within {_TIMEOUT_S} s") from error
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip() or "it said nothing").split())[-400:]
        raise Unavailable(f"{words[0]} failed: {said}")
    return done.stdout
