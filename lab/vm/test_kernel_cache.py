"""What lies in the cache is used only while it is what was downloaded."""

import hashlib
import json

from starocean_vm.kernel import cached


def test_an_intact_package_is_used_and_a_changed_one_is_not(tmp_path):
    package, record = tmp_path / "linux-image.deb", tmp_path / "kernel.json"
    assert cached(record) is None
    package.write_bytes(b"a kernel")
    digest = hashlib.sha256(b"a kernel").hexdigest()
    record.write_text(json.dumps({"packages": [{"file": package.name, "sha256": digest}]}))
    assert cached(record) == [package]
    package.write_bytes(b"another")
    assert cached(record) is None
    package.unlink()
    assert cached(record) is None


def test_a_broken_record_is_no_record(tmp_path):
    record = tmp_path / "kernel.json"
    for text in ("", "[]", "{}", '{"packages": []}', '{"packages": [{"file": "x"}]}', '{"packages": 1}'):
        record.write_text(text)
        assert cached(record) is None, text
