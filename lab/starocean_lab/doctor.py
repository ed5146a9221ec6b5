"""What the labs of `starocean doctor` share: a report, and a fault that is mended by pasting its remedy."""

import json
import os

from starocean_lab.daemon import binary

BAD = ("warning", "fault")
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


class Report:
    """What one run of doctor said."""

    def __init__(self, done):
        assert done.returncode in (0, 1), done.stderr
        self.status = done.returncode
        self.json = json.loads(done.stdout)
        assert self.json["schema_version"] == 1
        self.found = {(f["id"], f["interface"]): f for f in self.json["findings"]}
        assert len(self.found) == len(self.json["findings"]), "a check spoke twice of one subject"
        faults = [f for f in self.json["findings"] if f["verdict"] == "fault"]
        assert self.status == (1 if faults else 0), faults

    def __getitem__(self, key):
        return self.found[key]


def doctor(space, *words, trial="never", prefix=(), program=None):
    """Most of what is planted here is seen without a trial, which takes a third of a second."""
    return Report(space.run(*prefix, program or binary(), "doctor", "--json", "--trial", trial, *words, check=False))


def written(lab, config):
    """The configuration as a file, written as an operator would: YAML, not JSON."""
    path = os.path.join(lab.directory, "doctor.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(config if isinstance(config, str) else json.dumps(config, indent=1))
    return path


def mend(space, key, *words, verdicts=BAD, **options):
    """The finding `key` (check, interface) is bad and has a remedy; pasted, the finding is gone."""
    before = doctor(space, *words, **options)
    finding = before[key]
    assert finding["verdict"] in verdicts, finding
    assert finding["remedy"], finding
    space.run("sh", "-c", finding["remedy"])
    after = doctor(space, *words, **options)[key]
    assert after["verdict"] not in verdicts, after
    return finding


def space_of_two(lab):
    """A namespace with lan1 and lan2, each cabled to a host that leaves work to hardware."""
    space = lab.switch()
    lab.hosts_of_switch = [lab.host(number, space, ipv6=False) for number in (1, 2)]
    return space
