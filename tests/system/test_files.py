"""Temporary files, and the error if a file cannot be written."""

import os
from pathlib import Path

import pytest

from singerid.errors import SingeridError
from singerid.system.files import scratch_write


def test_a_scratch_file_is_written_and_not_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: pytest.fail("flushed"))
    with scratch_write(tmp_path / "made/on/the/way") as file:
        file.write(b"sound")
    assert (tmp_path / "made/on/the/way").read_bytes() == b"sound"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line_with_the_remedy() -> None:
    refused = pytest.raises(SingeridError, match=r"^/dev/full: cannot be written \(.*free some space")
    with refused as caught, scratch_write(Path("/dev/full")) as file:
        file.write(bytes(100))
    assert "\n" not in str(caught.value)
