"""Damaged files of every format: each decodes or gives a one-line error.

`tools/fuzz_readers.py` does many more.
"""

from pathlib import Path

import fuzz_readers
import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(fuzz_readers, "resource"), reason="this system bounds no process")
def test_damaged_files_decode_or_are_one_line(tmp_path: Path) -> None:
    paths = fuzz_readers.make_files(tmp_path, 60, seed=12)
    outcomes = list(fuzz_readers.read_all(paths))
    assert [outcome for outcome in outcomes if outcome.kind == fuzz_readers.CRASHED] == []
    assert [outcome.name for outcome in outcomes] == [path.name for path in paths]
    kinds = {outcome.kind for outcome in outcomes}
    assert kinds == {fuzz_readers.DECODED, fuzz_readers.REFUSED}


def test_a_reader_that_dies_hangs_or_raises_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in {
        "dies-0": "import os; os.abort()",
        "hangs-1": "while True: pass",
        "raises-2": "raise KeyError('x')",
        "eats-3": "x = bytearray(6 * 2**30)",
        "prints-4": "import sys; print('noise', file=sys.stderr); yield from ()",
    }.items():
        (tmp_path / name).write_text(code)
    spy = tmp_path / "site"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(
        "import singerid.sound.audio as audio\n"
        "def read(path, warn=None):\n"
        "    exec('def work():\\n    ' + open(path).read() + '\\n    yield from ()')\n"
        "    yield from locals()['work']()\n"
        "audio.read_blocks = read\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(spy))
    files = sorted(tmp_path.glob("*-*"))
    outcomes = {outcome.name: outcome for outcome in fuzz_readers.read_all(files, limit_s=3)}
    assert {outcome.kind for name, outcome in outcomes.items() if name != "prints-4"} == {
        fuzz_readers.CRASHED
    }
    assert "standard error" in outcomes
    assert "took too long" in outcomes["hangs-1"].detail
    assert "MemoryError" in outcomes["eats-3"].detail
