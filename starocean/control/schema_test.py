"""Whether the JSON Schema says of configurations what the parser says.

usage: schema_test.py CONFIG_REFERENCE   (in the top folder of the sources)

The files are the fuzzing corpus, the examples, and an example with one value changed at a time. What the
parser takes, the schema must take; what the schema refuses, the parser must refuse. The other way round
a schema cannot know everything (a bridge member that is not declared): those files are counted, not judged,
unless they are known to be such that the schema must refuse them.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
import yaml

CORPUS = pathlib.Path("starocean/control/corpus/config")
EXAMPLES = pathlib.Path("docs/examples")
VALUES = [None, True, False, -1, 0, 1, 2, 64, 1000, 2048, 5000000, 1.5, "", "auto", "on", "require",
          "all", "2K", "300s", "x y", "lan1", "2048", [], [1], [1, 1], ["lan1"], {}, {"x": 1}]
# Changes of docs/examples/switch.yaml that a schema alone must refuse.
MUST_REFUSE = [
    (["version"], 2), (["version"], "1"), (["nod"], "a"), (["nat"], {}), (["on_exit"], "stop"),
    (["memory", "frames"], "many"), (["memory", "frame_size"], 3000), (["memory", "frames"], 1),
    (["workers", "poll"], "fast"), (["workers", "cpus"], [1, 1]), (["interfaces"], ["lan1"]),
    (["interfaces", "lan1", "offload"], True), (["interfaces", "lan1", "rings", "rx"], 1000),
    (["interfaces", "a-name-of-16-or-more"], {}), (["bridges", "office", "mac_aging"], 300),
    (["bridges", "office", "static", "02:00"], "lan1"), (["api", "listen"], "127.0.0.1"),
]


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], path + (key,))


def changed(document, path, value):
    result = copy.deepcopy(document)
    if not path:
        return value
    inner = result
    for key in path[:-1]:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = inner[key]
    inner[path[-1]] = value
    return result


def main(tool):
    schema = json.loads(subprocess.run([tool, "schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "c.yaml")

        def parser_takes(text):
            path.write_bytes(text)
            status = subprocess.run([tool, "check", path], capture_output=True).returncode
            assert status in (0, 1), f"exit status {status} for {text!r}"
            return status == 0

        def compare(text, document):
            taken = parser_takes(text)
            errors = [error.message for error in validator.iter_errors(document)]
            assert not (taken and errors), f"only the parser takes {text.decode()}:\n{errors}"
            return taken, not errors

        counts = {}
        for file in sorted([*CORPUS.iterdir(), *EXAMPLES.glob("*.yaml")]):
            text = file.read_bytes()
            try:
                document = yaml.safe_load(text)
            except (yaml.YAMLError, UnicodeDecodeError, ValueError):
                continue  # the two YAML readers differ in what they tolerate
            result = compare(text, document)
            counts[result] = counts.get(result, 0) + 1

        base = yaml.safe_load(EXAMPLES.joinpath("switch.yaml").read_text())
        assert compare(yaml.safe_dump(base).encode(), base) == (True, True)
        for place in places(base):
            for value in VALUES:
                document = changed(base, place, value)
                result = compare(json.dumps(document).encode(), document)
                counts[result] = counts.get(result, 0) + 1
        for place, value in MUST_REFUSE:
            document = changed(base, place, value)
            result = compare(json.dumps(document).encode(), document)
            assert result == (False, False), f"{place} = {value!r} gives {result}"
    print("(parser, schema):", counts)
    assert counts[(True, True)] > 50 and counts[(False, False)] > 200


if __name__ == "__main__":
    main(sys.argv[1])
